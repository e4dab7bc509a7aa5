// The callers of the local Azure: managed identities, people and services, and their Microsoft Entra tokens.

import { createHash, randomUUID } from 'node:crypto';
import type { TokenCredential } from '@azure/core-auth';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clock } from '../clock.ts';
import type { Secret } from '../secrets.ts';
import { failure } from './failure.ts';
import type { Grant } from './grant.ts';
import type { Roles } from './roles.ts';
import { header, type WireRequest } from './wire.ts';

export interface Principal {
  /** The object id in the directory: the `principalId` of a role assignment. */
  readonly id: string;
  /** A readable name for error messages. */
  readonly name: string;
  /** The process of a function that requested the token; undefined for other tokens. */
  readonly process?: string;
}

export interface IssuedToken {
  readonly token: string;
  /** The cloud's time; undefined for a token that does not expire. */
  readonly expiresAt: Date | undefined;
}

export interface Principals {
  /**
   * Adds a principal of a test or a story with its roles. Returns a credential for an SDK's client. Adding the same
   * name again adds roles to the same principal.
   */
  add(name: string, grants: readonly Grant[]): TokenCredential & { readonly principal: Principal };
  /** Returns a token for an audience such as `https://storage.azure.com`. */
  issue(principal: Principal, audience: string): IssuedToken;
  /**
   * The principal of the request's bearer token.
   *
   * @throws Failure with status 401 if the token is missing, unknown, expired or for another audience
   */
  authenticate(request: WireRequest, audiences: readonly string[]): Principal;
  /** All issued secrets, including those that other services issue and keep here. */
  readonly secrets: Secret[];
  /** The principal of a token; undefined if the token is unknown, expired or for another audience. */
  holderOf(token: string, audiences: readonly string[]): Principal | undefined;
}

/** A user-assigned identity, or the identity of a resource with a system-assigned one. */
export interface ManagedIdentity extends Principal {
  readonly clientId: string;
}

/**
 * A managed identity's token is valid for a day.
 * Source: https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime
 */
const LIFE_MILLISECONDS = DAY_MILLISECONDS;

export function createPrincipals(clock: Clock, roles: Pick<Roles, 'grant'>): Principals {
  const tokens = new Map<string, { principal: Principal; audience: string; expiresAt: Date | undefined }>();
  const secrets: Secret[] = [];

  const keep = (principal: Principal, audience: string, expiresAt: Date | undefined): IssuedToken => {
    const token = tokenText(principal, audience, expiresAt);
    tokens.set(token, { principal, audience: normal(audience), expiresAt });
    secrets.push({ what: `a token of ${principal.name} for ${audience}`, value: token });
    return { token, expiresAt };
  };
  const holderOf = (token: string, audiences: readonly string[]): Principal | undefined => {
    const known = tokens.get(token);
    if (known === undefined || !audiences.map(normal).includes(known.audience)) return undefined;
    if (known.expiresAt !== undefined && known.expiresAt <= clock.now()) return undefined;
    return known.principal;
  };
  return {
    secrets,
    add(name, grants) {
      const principal: Principal = { id: guidOf(`principal ${name}`), name };
      for (const grant of grants) roles.grant(principal.id, grant);
      return {
        principal,
        getToken(scopes) {
          const scope = Array.isArray(scopes) ? scopes[0] : scopes;
          if (scope === undefined) throw new Error('a token needs at least one scope; got none');
          const { token } = keep(principal, scope, undefined);
          // In the client's own time, which is not the cloud's: the client requests a new token before this one can
          // expire.
          return Promise.resolve({ token, expiresOnTimestamp: Date.now() + LIFE_MILLISECONDS });
        },
      };
    },
    issue: (principal, audience) => keep(principal, audience, new Date(clock.now().getTime() + LIFE_MILLISECONDS)),
    authenticate(request, audiences) {
      const [, token] = /^Bearer (.+)$/.exec(header(request, 'authorization') ?? '') ?? [];
      const principal = token === undefined ? undefined : holderOf(token, audiences);
      if (principal !== undefined) return principal;
      const given =
        token === undefined ? 'no bearer token' : `a token for ${tokens.get(token)?.audience ?? 'an unknown audience'}`;
      throw failure(
        401,
        'InvalidAuthenticationToken',
        `${request.host} needs a bearer token for ${audiences.join(' or ')} that has not expired; got ${given}`,
        {
          'www-authenticate': `Bearer authorization_uri="https://login.microsoftonline.com/local", resource_id="${audiences[0]}"`,
        },
      );
    },
    holderOf,
  };
}

/** A GUID that is always the same for the same text. */
export function guidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/**
 * Removes a trailing slash or `/.default`: `https://storage.azure.com/.default` becomes `https://storage.azure.com`.
 */
function normal(audience: string): string {
  return audience
    .replace(/\/\.default$/, '')
    .replace(/\/+$/, '')
    .toLowerCase();
}

/** A token with three parts like a JWT, for clients that parse it. It cannot be forged, because its id is random. */
function tokenText({ id }: Principal, audience: string, expiresAt: Date | undefined): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const expires = expiresAt === undefined ? {} : { exp: Math.floor(expiresAt.getTime() / 1000) };
  return [
    part({ alg: 'none', typ: 'JWT' }),
    part({ aud: audience, oid: id, jti: randomUUID(), ...expires }),
    'local',
  ].join('.');
}
