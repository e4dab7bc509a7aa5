// A gate: a repository or an image that pullgate closes and opens.

/** What pullgate can close: a repository of a registry, or one image in it. */
export interface Gate {
  /** The provider's id for the registry. */
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string | undefined;
}

/** The key of a gate: readable, and unique within a stack's table. */
export function gateKey({ registry, repository, digest }: Gate): string {
  return digest === undefined ? `${registry}/${repository}` : `${registry}/${repository}@${digest}`;
}
