// A row of the parity table: what happens to a repository, stage by stage, and the outcome on every cloud.
import type { Vulnerability, World } from './world.ts';

/** The repository of a row on one cloud. Each action is delivered at once. */
export interface Site {
  readonly repository: string;
  readonly world: World;
  /** Pushes an image and returns its digest. The tag determines the content, which is the same on every cloud. */
  push(tag: string, options?: { readonly untagged?: boolean; readonly content?: string }): Promise<string>;
  pushIndex(tag: string | undefined, ...children: readonly string[]): Promise<string>;
  report(digest: string, ...vulnerabilities: readonly Vulnerability[]): Promise<void>;
  /** Any other action on the repository. */
  happen(what: (world: World, repository: string) => Promise<void>): Promise<void>;
}

/** What happens before a tick. */
export type Act = (site: Site) => Promise<void>;

export interface Row {
  readonly name: string;
  /** Default: a repository for this row only. */
  readonly repository?: string;
  /** One act for each stage. */
  readonly acts: readonly Act[];
  /** For each stage, the verdict and state of the gate after the tick, and its notices, as `inShort` returns them. */
  readonly wanted: readonly string[];
  /**
   * For a row with several images: which tags can be pulled after each stage if each image is a gate. Default: the same
   * as with a repository gate.
   */
  readonly images?: readonly Readonly<Record<string, 'pulled' | 'refused'>>[];
  /** The stages in which image gates differ, as `wanted`: a closed image stays closed without its tag. */
  readonly imageGates?: Readonly<Record<number, string>>;
}

/** Rows that share a stack, with its config at each stage. The last config also applies to later stages. */
export interface Group {
  readonly name: string;
  /** Keys of the config, without their namespace and without the keys that the clouds require. */
  readonly configs: readonly Readonly<Record<string, unknown>>[];
  readonly rows: readonly Row[];
}

/** The repository of a row, the same on every cloud. */
export function repositoryOf({ rows }: Group, row: Row): string {
  return row.repository ?? `rows/row-${rows.indexOf(row) + 1}`;
}

export const NOTHING: Act = async () => {};

/** One image with these vulnerabilities. */
export function found(...vulnerabilities: readonly Vulnerability[]): Act {
  return async (site) => {
    const digest = await site.push('v1');
    if (vulnerabilities.length > 0) await site.report(digest, ...vulnerabilities);
  };
}

/** A row with one stage. */
export function verdict(name: string, vulnerabilities: readonly Vulnerability[], wanted: string): Row {
  return { name, acts: [found(...vulnerabilities)], wanted: [wanted] };
}

/** Creates the site of a row on one cloud. */
export function siteOf(world: World, repository: string): Site {
  return {
    repository,
    world,
    async push(tag, { untagged = false, content = `${repository}:${tag}` } = {}) {
      const digest = await world.push(repository, untagged ? { content } : { tag, content });
      await world.runUntilIdle();
      return digest;
    },
    async pushIndex(tag, ...children) {
      const digest = await world.pushIndex(repository, { ...(tag === undefined ? {} : { tag }), children });
      await world.runUntilIdle();
      return digest;
    },
    async report(digest, ...vulnerabilities) {
      await world.report(repository, digest, vulnerabilities);
      await world.runUntilIdle();
    },
    async happen(what) {
      await what(world, repository);
      await world.runUntilIdle();
    },
  };
}
