// The callers of the local cloud: access keys, and the principals behind them with their identity policies.
import { randomBytes } from 'node:crypto';
import type { Secret } from '../secrets.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

export interface PolicyDocument {
  readonly Version?: string;
  readonly Statement: unknown;
}

/** A caller. A service is identified by its host name, such as `events.amazonaws.com`. */
export interface Principal {
  /** The ARN of a role, a session of a role or a user, or the name of a service. */
  readonly arn: string;
  /** Read on each call, because a deployment may change the policies. */
  policies(): readonly PolicyDocument[];
  /** What the credentials add to the context of each request. Default: nothing. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

export interface Principals {
  /**
   * Adds a role, a session (`arn:aws:sts::...:assumed-role/NAME/SESSION`) or a user, and returns new credentials for
   * it.
   *
   * @param context see `Principal.context`
   */
  add(
    arn: string,
    policies: readonly PolicyDocument[] | (() => readonly PolicyDocument[]),
    context?: Principal['context'],
  ): Credentials;
  /** Deletes a principal. Its keys become invalid, and ECR rejects a policy that names it. */
  remove(arn: string): void;
  isRemoved(arn: string): boolean;
  /** The secret parts of all credentials. */
  readonly secrets: readonly Secret[];
  byAccessKey(accessKeyId: string): Principal | undefined;
}

export function createPrincipals(): Principals {
  const byKey = new Map<string, Principal>();
  const removed = new Set<string>();
  const secrets: Secret[] = [];
  return {
    secrets,
    add(arn, policies, context) {
      removed.delete(arn);
      const accessKeyId = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
      byKey.set(accessKeyId, { arn, policies: typeof policies === 'function' ? policies : () => policies, context });
      const secretAccessKey = randomBytes(20).toString('hex');
      const sessionToken = randomBytes(20).toString('base64');
      secrets.push({ what: `the secret access key of ${arn}`, value: secretAccessKey });
      secrets.push({ what: `the session token of ${arn}`, value: sessionToken });
      return { accessKeyId, secretAccessKey, sessionToken };
    },
    remove(arn) {
      removed.add(arn);
      for (const [key, principal] of byKey) if (principal.arn === arn) byKey.delete(key);
    },
    isRemoved: (arn) => removed.has(arn),
    byAccessKey: (accessKeyId) => byKey.get(accessKeyId),
  };
}

/**
 * A policy that allows actions on every resource: for the principals of a test or a story, never for pullgate's own.
 */
export function allowing(...actions: readonly string[]): PolicyDocument {
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
}
