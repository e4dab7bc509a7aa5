// A registry's own tokens: the challenge, the exchange of a Microsoft Entra token, and access tokens for scopes.
// Source: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md; the challenge as recorded by the Azure SDK's tests.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { RegistryWorld, RoleMode } from './acr.ts';
import { type Failure, failure } from './failure.ts';
import type { Principal, Principals } from './principals.ts';
import type { Need, Roles } from './roles.ts';
import type { Step } from './service.ts';
import { header, json, type WireAnswer, type WireRequest } from './wire.ts';

/** An action that a token grants on a repository. `*` on the registry's catalog lists all repositories. */
export type RegistryAction = 'metadata_read' | 'metadata_write' | 'pull' | 'push' | 'delete' | '*';

/** The actions on one repository or the catalog: `repository:team/app:pull,push`. */
export interface Scope {
  readonly type: 'repository' | 'registry';
  readonly name: string;
  readonly actions: readonly RegistryAction[];
}

interface Token {
  readonly principal: Principal;
  readonly registry: string;
  readonly expiresAt: Date;
  /** The scopes of an access token. */
  readonly scopes: readonly Scope[];
}

export interface AcrTokens {
  /** Handles a request to the token endpoints; undefined for every other request. */
  read(registry: RegistryWorld, request: WireRequest): Step | undefined;
  /** The principal whose token authorizes this request. @throws Failure with the registry's challenge if it does not */
  authenticate(registry: RegistryWorld, request: WireRequest, needed: Scope): Principal;
  /** The caller of a token endpoint. */
  holder(registry: RegistryWorld, request: WireRequest): Principal;
}

/**
 * Tokens for Resource Manager are accepted too, unless a registry disallows it.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
 */
const AUDIENCES = [
  'https://containerregistry.azure.net',
  'https://management.azure.com',
  'https://management.core.windows.net',
];
const REFRESH_MILLISECONDS = 3 * 60 * 60 * 1000;
const ACCESS_MILLISECONDS = 75 * 60 * 1000;

/**
 * The permissions that a principal needs for an action of a token. In legacy mode, a repository's metadata has separate
 * actions. Sources contradict each other about whether AcrPush may change metadata. Here it may not, so that nothing
 * depends on it.
 * Sources:
 * https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-directory-reference,
 * https://learn.microsoft.com/azure/role-based-access-control/permissions/containers#microsoftcontainerregistry
 */
const NEEDS: Readonly<Record<RoleMode, Readonly<Record<RegistryAction, readonly [string, ...string[]]>>>> = {
  LegacyRegistryPermissions: {
    metadata_read: ['pull/read', 'metadata/read'],
    metadata_write: ['metadata/write'],
    pull: ['pull/read'],
    push: ['push/write'],
    delete: ['artifacts/delete'],
    '*': ['pull/read'],
  },
  AbacRepositoryPermissions: {
    metadata_read: ['repositories/metadata/read'],
    metadata_write: ['repositories/metadata/write'],
    pull: ['repositories/content/read'],
    push: ['repositories/content/write'],
    delete: ['repositories/content/delete'],
    '*': ['catalog/read'],
  },
};

export function createAcrTokens(clock: Clock, principals: Principals, roles: Roles): AcrTokens {
  const tokens = new Map<string, Token>();

  const issue = (token: Omit<Token, 'expiresAt'>, milliseconds: number): string => {
    const expiresAt = new Date(clock.now().getTime() + milliseconds);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { jti: randomUUID(), sub: token.principal.id, exp: Math.floor(expiresAt.getTime() / 1000) };
    const text = [part({ alg: 'none', typ: 'JWT' }), part(claims), 'local'].join('.');
    tokens.set(text, { ...token, expiresAt });
    principals.secrets.push({ what: `a token of ${token.principal.name} for ${token.registry}`, value: text });
    return text;
  };
  const known = (registry: RegistryWorld, text: string | undefined): Token | undefined => {
    const token = tokens.get(text ?? '');
    return token?.registry === registry.id && token.expiresAt > clock.now() ? token : undefined;
  };
  const may = ({ id, roleMode }: RegistryWorld, principal: Principal, action: RegistryAction): boolean => {
    const [first, ...others] = NEEDS[roleMode][action].map((end) => `Microsoft.ContainerRegistry/registries/${end}`);
    const need: Need = { action: first ?? '', or: others, data: roleMode === 'AbacRepositoryPermissions', scope: id };
    return roles.refusal(principal, need) === undefined;
  };
  /** In legacy mode, only a principal that may pull can log in. Permissions on metadata alone are not enough. */
  const mayLogIn = (registry: RegistryWorld, principal: Principal): boolean =>
    registry.roleMode === 'AbacRepositoryPermissions' || may(registry, principal, 'pull');
  const formOf = ({ body }: WireRequest) => new URLSearchParams(body.toString('utf8'));

  return {
    read(registry, request) {
      const { method, url } = request;
      if (method !== 'POST' || !/^\/oauth2\/(exchange|token)$/.test(url.pathname)) return undefined;
      const form = formOf(request);
      const service = form.get('service');
      if (service !== registry.loginServer)
        throw failure(400, 'UNSUPPORTED', `the service must be ${registry.loginServer}; got ${service}`);
      if (url.pathname === '/oauth2/exchange') {
        if (form.get('grant_type') !== 'access_token')
          throw failure(
            400,
            'UNSUPPORTED',
            `the grant type of an exchange must be access_token; got ${form.get('grant_type')}`,
          );
        const run = ({ principal }: { principal: Principal }): WireAnswer => {
          if (!mayLogIn(registry, principal))
            throw failure(
              401,
              'UNAUTHORIZED',
              `${principal.name} has no permission to pull from ${registry.loginServer}`,
            );
          const token = { principal, registry: registry.id, scopes: [] };
          return json(200, { refresh_token: issue(token, REFRESH_MILLISECONDS) });
        };
        return { operation: 'Exchange', input: { service }, needs: [], run };
      }
      if (form.get('grant_type') !== 'refresh_token')
        throw failure(
          400,
          'UNSUPPORTED',
          `the grant type of a token must be refresh_token; got ${form.get('grant_type')}`,
        );
      const asked = form.getAll('scope').map(readScope);
      return {
        operation: 'Token',
        input: { service, scope: form.get('scope') },
        needs: [],
        run({ principal }) {
          // A principal that lacks a permission still gets a token, but without that permission.
          const scopes = asked.map((scope) => ({
            ...scope,
            actions: scope.actions.filter((action) => may(registry, principal, action)),
          }));
          return json(200, { access_token: issue({ principal, registry: registry.id, scopes }, ACCESS_MILLISECONDS) });
        },
      };
    },
    holder(registry, request) {
      const form = formOf(request);
      const holder =
        form.get('grant_type') === 'access_token'
          ? principals.holderOf(form.get('access_token') ?? '', AUDIENCES)
          : known(registry, form.get('refresh_token') ?? undefined)?.principal;
      if (holder !== undefined) return holder;
      throw failure(401, 'UNAUTHORIZED', 'the token is not valid for this registry, or has expired');
    },
    authenticate(registry, request, needed) {
      const [, text] = /^Bearer (.+)$/.exec(header(request, 'authorization') ?? '') ?? [];
      const token = known(registry, text);
      const has = (action: RegistryAction): boolean =>
        token?.scopes.some(
          ({ type, name, actions }) => type === needed.type && name === needed.name && actions.includes(action),
        ) ?? false;
      if (token !== undefined && needed.actions.every(has)) return token.principal;
      throw challenge(registry, needed, text === undefined ? undefined : 'invalid_token');
    },
  };
}

/** Source: the recorded answers of the Azure SDK's tests, as in https://github.com/Azure/acr/issues/841. */
function challenge({ loginServer }: RegistryWorld, scope: Scope, error: string | undefined): Failure {
  const parts = [
    `Bearer realm="https://${loginServer}/oauth2/token"`,
    `service="${loginServer}"`,
    `scope="${scope.type}:${scope.name}:${scope.actions.join(',')}"`,
    ...(error === undefined ? [] : [`error="${error}"`]),
  ];
  const message = 'authentication required, visit https://aka.ms/acr/authorization for more information.';
  const detail = scope.actions.map((Action) => ({ Type: scope.type, Name: scope.name, Action }));
  return Object.assign(failure(401, 'UNAUTHORIZED', message, { 'www-authenticate': parts.join(',') }), { detail });
}

function readScope(text: string): Scope {
  const [, type, name = '', actions = ''] = /^(repository|registry):(.+):([a-z_,*]+)$/.exec(text) ?? [];
  if (type !== 'repository' && type !== 'registry') throw failure(400, 'UNSUPPORTED', `invalid token scope: ${text}`);
  return { type, name, actions: actions.split(',').map(actionOf) };
}

function actionOf(text: string): RegistryAction {
  const found = (Object.keys(NEEDS.LegacyRegistryPermissions) as RegistryAction[]).find((action) => action === text);
  if (found === undefined) throw failure(400, 'UNSUPPORTED', `invalid token action: ${text}`);
  return found;
}
