// What a token grants: a role at a scope.

/** A role at a scope: `{ role: 'AcrPull', scope: '/subscriptions/...' }`. */
export interface Grant {
  /** A built-in role's name or GUID, or the id of a role definition. */
  readonly role: string;
  /** The ARM id of the scope, which includes everything below it. */
  readonly scope: string;
  /** Default: User. */
  readonly principalType?: PrincipalType;
  /**
   * A condition that limits the role to some repositories. The local cloud shows it, but does not evaluate it.
   * Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
   */
  readonly condition?: string;
}

export type PrincipalType = 'User' | 'Group' | 'ServicePrincipal';
