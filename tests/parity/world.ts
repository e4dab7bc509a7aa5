// The neutral words of the parity tests: a vulnerability, and a cloud with one deployed stack, as a row of the table
// moves it.
import type { Graph } from '../../local/graph.ts';
import type { Severity } from '../../shared/policy/severity.ts';

/** What the scanner knows of a vulnerability in a package. */
export interface Vulnerability {
  /** CVE-... Several with the same one are one advisory of several packages. */
  readonly id: string;
  /** Of the scale, `unknown` where the scanner says that it does not know, or a word that is new. */
  readonly severity: Severity | 'unknown' | (string & {});
  /** The base score of CVSS 3.1. */
  readonly score?: number;
  readonly package: { readonly name: string; readonly version: string };
  /** The version with the fix, that there is none, or that it is not known. */
  readonly fix: { readonly version: string } | 'none' | 'unknown';
  readonly exploited?: boolean;
  readonly disclosedAt?: Date;
  readonly aliases?: readonly string[];
  readonly link?: string;
  /** Hidden or exempted at the provider. */
  readonly suppressed?: boolean;
}

/** A line of a function's log. */
export type Line = Readonly<Record<string, unknown>>;

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

/**
 * A cloud with a stack: the deployed bundle, and what happens around it. Whatever is done here is handed over by
 * `runUntilIdle` or `tick` only.
 */
export interface World {
  readonly name: 'AWS' | 'Azure, repositories' | 'Azure, images';
  /** The registry's id, as log lines and mails name it. */
  readonly registry: string;
  push(repository: string, options: { readonly tag?: string; readonly content: string }): Promise<string>;
  pushIndex(
    repository: string,
    options: { readonly tag?: string; readonly children: readonly string[] },
  ): Promise<string>;
  pushSignature(repository: string, options: { readonly subject: string; readonly content: string }): Promise<void>;
  tag(repository: string, tag: string, digest: string): Promise<void>;
  untag(repository: string, tag: string): Promise<void>;
  deleteImage(repository: string, digest: string): Promise<void>;
  deleteRepository(repository: string): Promise<void>;
  /** The scanner reports what it knows of an image, or knows better than before. */
  report(repository: string, digest: string, vulnerabilities: readonly Vulnerability[]): Promise<void>;
  /** The scanner has no word of the image any more, and nothing proves that the danger is gone. */
  forget(repository: string, digest: string): Promise<void>;
  /** The lock is removed from outside, whatever it is there. */
  removeLock(repository: string): Promise<void>;
  /** `pullgate pause` begins it, `pullgate resume` ends it. */
  setPause(paused: boolean): Promise<void>;
  /** `pulumi up` with the graph of another config. */
  deploy(graph: Graph): Promise<void>;
  /** Hands over what is on its way, without waiting for what is retried later. */
  runUntilIdle(): Promise<void>;
  /** Two hours after the last one: everything is observed, and what waits gets its turn. */
  tick(): Promise<void>;
  /** What is not there is refused too: ECR refuses before it checks whether there is such an image. */
  pull(repository: string, reference: string): Promise<'pulled' | 'refused'>;
  /** The function's decisions so far, in order. */
  decisions(): readonly Line[];
  mails(): readonly Mail[];
  readonly startedAt: Date;
  now(): Date;
  /** What went wrong in the cloud itself, or was put aside: nothing, in a sound row. */
  troubles(): readonly string[];
  stop(): Promise<void>;
}

/** How far apart two ticks are: more than `sweepHours`, and than the brake's hour. */
export const TICK_HOURS = 2;
/** The clocks stand still, and a scanner says nothing twice at the same moment. */
export const SECOND_MILLISECONDS = 1_000;

/** Groups items by a key, in the order in which the keys come. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  return [...Map.groupBy(items, keyOf).values()];
}
