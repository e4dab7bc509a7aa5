// Finds out who may undo a lock in a registry: the role assignments in effect there that may write metadata.
import { isObject, pick, textOf, textsOf } from '../../azure/function/loose-json.ts';
import { nameOf } from '../../azure/function/registry-id.ts';
import { counted } from '../../shared/report/sentences.ts';
import { listArm, type ReadArm } from '../stack/azure-arm.ts';
import { type AzureTest, type NamedRegistry, runCheck } from './azure-check.ts';
import { REGISTRY_ROLE, roleModeOf } from './azure-registries.ts';
import type { RolePrincipal, TestLine, TestResult } from './self-test.ts';

/**
 * What changes the attributes of an image, by the registry's role mode.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference
 */
const WRITE = {
  rbac: 'Microsoft.ContainerRegistry/registries/metadata/write',
  abac: 'Microsoft.ContainerRegistry/registries/repositories/metadata/write',
} as const;
type RoleMode = keyof typeof WRITE;

const AUTHORIZATION = 'providers/Microsoft.Authorization';
const VERSION = 'api-version=2022-04-01';
/** The custom role of azure/component/roles.ts. Only a service principal with it is pullgate. */
const GATEKEEPER = /^pullgate gatekeeper \(/;

export function checkUnlock({ readArm }: AzureTest, { id, name, describe }: NamedRegistry): Promise<TestLine> {
  return runCheck({ check: 'unlock', what: `${name}: who may undo a lock` }, REGISTRY_ROLE, async () => {
    const mode = roleModeOf(await describe());
    if (mode !== 'rbac' && mode !== 'abac')
      return { state: 'unknown', found: `could not be checked: pullgate does not know the role mode ${mode}` };
    return judge(await findPrincipals(readArm, id, mode));
  });
}

function judge(principals: readonly RolePrincipal[]): TestResult {
  const count = (kind: RolePrincipal['kind']) =>
    new Set(principals.filter((one) => one.kind === kind).map((one) => one.id)).size;
  if (count('pullgate') === 0) {
    const toDo =
      'Run pulumi up, which assigns the role for the configured role mode. Without it pullgate can close nothing.';
    return { state: 'failed', found: "pullgate's own role is not assigned", toDo, principals };
  }
  const administrators = count('administrator');
  const expected = `pullgate${administrators === 0 ? '' : ` and ${counted(administrators, 'administrator')}`}`;
  if (count('other') === 0) return { state: 'ok', found: `only ${expected}`, principals };
  const toDo =
    'Each of them can open what pullgate closed, until the next tick closes it again. Take the role from those that do not need it.';
  const found = `${counted(count('other'), 'principal')} besides ${expected}`;
  return { state: 'warning', found, toDo, principals };
}

/** The principals whose role, at the registry or above, may write metadata. */
async function findPrincipals(readArm: ReadArm, id: string, mode: RoleMode): Promise<readonly RolePrincipal[]> {
  const path = `${id}/${AUTHORIZATION}/roleAssignments?${VERSION}&$filter=atScope()`;
  const assignments = (await listArm(readArm, path)).map((one) => pick(one, 'properties'));
  const roleOf = (assignment: unknown) => nameOf(textOf(pick(assignment, 'roleDefinitionId')));
  const roles = [...new Set(assignments.map(roleOf))];
  // Each definition is read at the registry, so that a reader of the registry may read it.
  const read = roles.map((role) => readArm(`${id}/${AUTHORIZATION}/roleDefinitions/${role}?${VERSION}`));
  const kinds = new Map((await Promise.all(read)).map((answer, index) => [roles[index], roleFrom(answer, mode)]));
  const found = assignments.flatMap((assignment) => {
    const role = kinds.get(roleOf(assignment));
    return role === undefined ? [] : [principalFrom(assignment, role)];
  });
  return found.toSorted((a, b) => (`${a.kind} ${a.role} ${a.id}` < `${b.kind} ${b.role} ${b.id}` ? 1 : -1));
}

type Role = Pick<RolePrincipal, 'role' | 'kind'>;

/** Undefined if the role may not write metadata. */
function roleFrom(answer: unknown, mode: RoleMode): Role | undefined {
  const role = textOf(pick(answer, 'properties', 'roleName'));
  const given = pick(answer, 'properties', 'permissions');
  const permissions = Array.isArray(given) ? given.filter(isObject) : [];
  if (!permissions.some((permission) => allows(permission, mode))) return undefined;
  if (GATEKEEPER.test(role)) return { role, kind: 'pullgate' };
  const isAdministrator = permissions.some((permission) => textsOf(pick(permission, 'actions')).includes('*'));
  return { role, kind: isAdministrator ? 'administrator' : 'other' };
}

/**
 * `*` stands for any text, and case does not matter.
 * Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions
 */
function allows(permission: unknown, mode: RoleMode): boolean {
  const [given, taken] =
    mode === 'abac' ? (['dataActions', 'notDataActions'] as const) : (['actions', 'notActions'] as const);
  const isIn = (key: string) => textsOf(pick(permission, key)).some((pattern) => matches(pattern, WRITE[mode]));
  return isIn(given) && !isIn(taken);
}

function matches(pattern: string, action: string): boolean {
  const literal = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 'i').test(action);
}

function principalFrom(assignment: unknown, role: Role): RolePrincipal {
  const condition = textOf(pick(assignment, 'condition'));
  const type = textOf(pick(assignment, 'principalType'));
  const isPerson = role.kind === 'pullgate' && type !== 'ServicePrincipal';
  return {
    type,
    id: textOf(pick(assignment, 'principalId')),
    role: role.role,
    kind: isPerson ? 'other' : role.kind,
    scope: textOf(pick(assignment, 'scope')),
    ...(condition === '' ? {} : { condition }),
  };
}
