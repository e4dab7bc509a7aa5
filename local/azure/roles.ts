// Azure's role-based access control: role definitions, their assignments at scopes, and the resulting permissions.
// Source:
// https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import type { Grant, PrincipalType } from './grant.ts';
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
  /** Default: ServicePrincipal, because a program assigns roles to identities. */
  readonly principalType?: PrincipalType;
  /** `/subscriptions/.../providers/Microsoft.Authorization/roleDefinitions/GUID`, or the GUID alone. */
  readonly roleDefinitionId: string;
  /** An ARM id. */
  readonly scope: string;
  /** A condition that is not evaluated. A call that depends on it fails. */
  readonly condition?: string;
}

export interface Roles {
  /** Replaces a stack's custom roles and assignments. */
  deploy(stack: string, definitions: readonly RoleDefinition[], assignments: readonly RoleAssignment[]): void;
  /** Assigns a role to a test's principal permanently. */
  grant(principalId: string, grant: Grant): void;
  /** The assignments at a resource and at every scope above it. */
  assignmentsAt(resource: string): readonly RoleAssignment[];
  /** A role by its GUID, its ARM id or its name. */
  definition(role: string): RoleDefinition;
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
  const assignmentsAt = (resource: string): readonly RoleAssignment[] =>
    [...granted, ...[...stacks.values()].flatMap(({ assignments }) => assignments)].filter(({ scope }) =>
      isWithin(resource, scope),
    );
  return {
    deploy(stack, definitions, assignments) {
      stacks.set(stack, { definitions, assignments });
      for (const { roleDefinitionId } of assignments) definitionOf(roleDefinitionId);
    },
    grant(principalId, { role, principalType = 'User', ...given }) {
      granted.push({ principalId, principalType, roleDefinitionId: definitionOf(role).id, ...given });
    },
    assignmentsAt,
    definition: definitionOf,
    refusal(principal, need) {
      const held = assignmentsAt(need.scope).filter(({ principalId }) => principalId === principal.id);
      const allowing = held.filter(({ roleDefinitionId }) => allows(definitionOf(roleDefinitionId), need));
      if (allowing.some(({ condition }) => condition === undefined)) return undefined;
      if (allowing.length > 0)
        throw new Error(`the local Azure does not evaluate the condition ${allowing[0]?.condition}`);
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
