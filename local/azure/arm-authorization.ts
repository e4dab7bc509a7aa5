// How Resource Manager shows role assignments and role definitions at a resource.
// Sources: https://learn.microsoft.com/rest/api/authorization/role-assignments/list-for-scope and
// https://learn.microsoft.com/rest/api/authorization/role-definitions/get (API version 2022-04-01)
import { BUILT_IN_ROLES } from './built-in-roles.ts';
import { guidOf } from './principals.ts';
import type { RoleDefinition } from './role-definition.ts';
import type { RoleAssignment, Roles } from './roles.ts';
import type { Step } from './service.ts';
import { json, type WireRequest } from './wire.ts';

const TYPE = 'Microsoft.Authorization/roleAssignments';
const ASSIGNMENTS = /^(\/subscriptions\/.+)\/providers\/Microsoft\.Authorization\/roleAssignments$/i;
const DEFINITION = /^(\/subscriptions\/.+)\/providers\/Microsoft\.Authorization\/roleDefinitions\/([^/]+)$/i;
/** The size of a page is not documented. Here it is small, so that clients follow the links. */
const PAGE = 10;

/** A GET of the role assignments or of a role definition at a resource. Undefined if the path is another one. */
export function readAuthorization(roles: Roles, { url }: WireRequest, id: string): Step | undefined {
  const [, scope] = ASSIGNMENTS.exec(id) ?? [];
  if (scope !== undefined) return listAssignments(roles, url, scope);
  const [, at, role] = DEFINITION.exec(id) ?? [];
  return at === undefined || role === undefined ? undefined : getDefinition(roles, at, role);
}

function listAssignments(roles: Roles, url: URL, scope: string): Step {
  const filter = url.searchParams.get('$filter');
  if (filter !== 'atScope()')
    throw new Error(`the local Resource Manager lists role assignments only with $filter=atScope(); got ${filter}`);
  return {
    operation: 'ListRoleAssignments',
    input: { scope },
    needs: [{ action: `${TYPE}/read`, data: false, scope }],
    run() {
      const all = roles.assignmentsAt(scope).map((one) => assignmentIn(one, scope));
      const skip = Number(url.searchParams.get('$skipToken') ?? 0);
      const next = new URL(url);
      next.searchParams.set('$skipToken', String(skip + PAGE));
      return json(200, {
        value: all.slice(skip, skip + PAGE),
        ...(skip + PAGE < all.length ? { nextLink: next.href } : {}),
      });
    },
  };
}

function assignmentIn(assignment: RoleAssignment, at: string) {
  const { principalId, principalType = 'ServicePrincipal', roleDefinitionId, scope, condition } = assignment;
  const role = roleDefinitionId.split('/').at(-1);
  const name = guidOf(JSON.stringify(assignment));
  return {
    id: `${scope}/providers/${TYPE}/${name}`,
    name,
    type: TYPE,
    properties: {
      principalId,
      principalType,
      scope,
      roleDefinitionId: `${at.split('/').slice(0, 3).join('/')}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
      ...(condition === undefined ? {} : { condition, conditionVersion: '2.0' }),
    },
  };
}

function getDefinition(roles: Roles, scope: string, role: string): Step {
  return {
    operation: 'GetRoleDefinition',
    input: { scope, role },
    needs: [{ action: 'Microsoft.Authorization/roleDefinitions/read', data: false, scope }],
    run: () => json(200, definitionIn(roles.definition(role), scope)),
  };
}

function definitionIn({ id, name, permissions }: RoleDefinition, at: string) {
  const subscription = at.split('/').slice(0, 3).join('/');
  const isBuiltIn = BUILT_IN_ROLES.some((role) => role.id === id);
  return {
    id: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${id}`,
    name: id,
    type: 'Microsoft.Authorization/roleDefinitions',
    properties: {
      roleName: name,
      type: isBuiltIn ? 'BuiltInRole' : 'CustomRole',
      assignableScopes: [isBuiltIn ? '/' : subscription],
      permissions: permissions.map(({ notActions = [], notDataActions = [], ...given }) => ({
        ...given,
        notActions,
        notDataActions,
      })),
    },
  };
}
