// A gate: what pullgate closes and opens.

/** What can be closed: a repository of a registry, or one image of it. */
export interface Gate {
  /** The provider's id of the registry. */
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string | undefined;
}

/** The key of a gate: unique within a stack's table, and readable. */
export function gateKey({ registry, repository, digest }: Gate): string {
  return digest === undefined ? `${registry}/${repository}` : `${registry}/${repository}@${digest}`;
}
