// A gate: what pullgate closes and opens.

/** What pullgate closes: a repository of a registry, or, on Azure, one image: its digest. */
export interface Gate {
  /** AWS: the account's id. Azure: the registry's Resource Manager id. */
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string | undefined;
}

/** The key of a gate: unique within a stack's table, and readable. */
export function gateKey({ registry, repository, digest }: Gate): string {
  return digest === undefined ? `${registry}/${repository}` : `${registry}/${repository}@${digest}`;
}
