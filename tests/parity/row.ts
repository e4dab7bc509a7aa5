// A row of the parity table: what happens, stage by stage, in a repository of its own, and what every cloud makes of
// it.
import type { Vulnerability, World } from './world.ts';

/** Where a row happens on one cloud. What is done is handed over at once. */
export interface Site {
  readonly repository: string;
  readonly world: World;
  /** Pushes an image, and answers its digest; the tag decides its content, which is the same on every cloud. */
  push(tag: string, options?: { readonly untagged?: boolean; readonly content?: string }): Promise<string>;
  pushIndex(tag: string | undefined, ...children: readonly string[]): Promise<string>;
  report(digest: string, ...vulnerabilities: readonly Vulnerability[]): Promise<void>;
  /** Any other thing that happens to the repository. */
  happen(what: (world: World, repository: string) => Promise<void>): Promise<void>;
}

/** What happens before a tick. */
export type Act = (site: Site) => Promise<void>;

export interface Row {
  readonly name: string;
  /** Default: one of its own. */
  readonly repository?: string;
  /** One for each stage. */
  readonly acts: readonly Act[];
  /**
   * One for each stage: the verdict and state of the gate after the tick, and the notices meanwhile, as `inShort` says
   * it.
   */
  readonly wanted: readonly string[];
  /**
   * Of a row with several images: what can be pulled after each stage where each image is a gate of its own, by tag.
   * Default: as everywhere else.
   */
  readonly images?: readonly Readonly<Record<string, 'pulled' | 'refused'>>[];
}

/** Rows that share a stack: its config at each stage; the last one stays. */
export interface Group {
  readonly name: string;
  /** Keys of the config, without their namespace and what the clouds themselves need. */
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

/** A row of one stage. */
export function verdict(name: string, vulnerabilities: readonly Vulnerability[], wanted: string): Row {
  return { name, acts: [found(...vulnerabilities)], wanted: [wanted] };
}

/** Takes a row's place on one cloud. */
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
