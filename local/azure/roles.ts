// Azure's role-based access control: role definitions, their assignments at scopes, and the resulting permissions.
// Source:
// https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import type { Grant } from './grant.ts';
import type { RoleDefinition } from './role-definition.ts';

/**
 * One action on one resource. `data` is true for a data-plane action (`dataActions`) and false for a control-plane
 * action (`actions`).
 */
export interface Need {
  readonly action: string;
  /** Alternative actions; one of them is enough. */
  readonly or?: readonly string[];
  readonly data: boolean;
  /** The resource's ARM id. */
  readonly scope: string;
}

/** azure-native:authorization:RoleAssignment. */
export interface RoleAssignment {
  readonly principalId: string;
  /** `/subscriptions/.../providers/Microsoft.Authorization/roleDefinitions/GUID`, or the GUID alone. */
  readonly roleDefinitionId: string;
  /** An ARM id. */
  readonly scope: string;
}

export interface Roles {
  /** Replaces a stack's custom roles and assignments. */
  deploy(stack: string, definitions: readonly RoleDefinition[], assignments: readonly RoleAssignment[]): void;
  /** Assigns a role to a test's principal permanently. */
  grant(principalId: string, grant: Grant): void;
  /** The reason why a principal is not authorized; undefined if it is. */
  refusal(principal: { readonly id: string; readonly name: string }, need: Need): string | undefined;
}

interface Deployed {
  readonly definitions: readonly RoleDefinition[];
  readonly assignments: readonly RoleAssignment[];
}

export function createRoles(): Roles {
  const stacks = new Map<string, Deployed>();
  const granted: RoleAssignment[] = [];

  const definitions = (): readonly RoleDefinition[] => [
    ...BUILT_IN_ROLES,
    ...[...stacks.values()].flatMap(({ definitions }) => definitions),
  ];
  const definitionOf = (role: string): RoleDefinition => {
    const id = (role.split('/').at(-1) ?? role).toLowerCase();
    const found = definitions().find((one) => one.id.toLowerCase() === id || one.name === role);
    if (found !== undefined) return found;
    throw new Error(
      `the local Azure does not know the role ${role}; add it to local/azure/built-in-roles.ts, or define it in the program`,
    );
  };
  const assignmentsOf = (principalId: string): readonly RoleAssignment[] =>
    [...granted, ...[...stacks.values()].flatMap(({ assignments }) => assignments)].filter(
      (assignment) => assignment.principalId === principalId,
    );
  return {
    deploy(stack, definitions, assignments) {
      stacks.set(stack, { definitions, assignments });
      for (const { roleDefinitionId } of assignments) definitionOf(roleDefinitionId);
    },
    grant(principalId, { role, scope }) {
      const { id } = definitionOf(role);
      granted.push({ principalId, roleDefinitionId: id, scope });
    },
    refusal(principal, need) {
      const held = assignmentsOf(principal.id).filter(({ scope }) => isWithin(need.scope, scope));
      if (held.some(({ roleDefinitionId }) => allows(definitionOf(roleDefinitionId), need))) return undefined;
      const roles = held.map(({ roleDefinitionId }) => definitionOf(roleDefinitionId).name).join(', ');
      return `The client '${principal.name}' with object id '${principal.id}' does not have authorization to perform action '${need.action}' over scope '${need.scope}'. Its roles there: ${roles || 'none'}.`;
    },
  };
}

/** Whether a resource is the scope or below it. ARM ids are case-insensitive. */
export function isWithin(resource: string, scope: string): boolean {
  const [inner, outer] = [resource, scope].map((id) => `${id.replace(/\/+$/, '')}/`.toLowerCase());
  return inner !== undefined && outer !== undefined && inner.startsWith(outer);
}

function allows({ permissions }: RoleDefinition, { action, or = [], data }: Need): boolean {
  const wanted = [action, ...or];
  return permissions.some(({ actions, notActions = [], dataActions, notDataActions = [] }) => {
    const [given, taken] = data ? [dataActions, notDataActions] : [actions, notActions];
    const isIn = (patterns: readonly string[], one: string) => patterns.some((pattern) => matches(pattern, one));
    return wanted.some((one) => isIn(given, one) && !isIn(taken, one));
  });
}

/** `*` matches any text, including slashes. Matching ignores case. */
function matches(pattern: string, action: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 'i').test(action);
}
