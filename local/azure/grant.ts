// What a token grants: a role at a scope.

/** A role at a scope: `{ role: 'AcrPull', scope: '/subscriptions/...' }`. */
export interface Grant {
  /** A built-in role's name or GUID, or the id of a role definition. */
  readonly role: string;
  /** The ARM id of what it holds for, with all that is below. */
  readonly scope: string;
}
