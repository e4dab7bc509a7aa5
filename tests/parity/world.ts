// The neutral types of the parity tests: a vulnerability, and a cloud with one deployed stack, which the rows control.
import type { Graph } from '../../local/graph.ts';
import type { Severity } from '../../shared/policy/severity.ts';

/** A vulnerability in a package, as the scanner knows it. */
export interface Vulnerability {
  /** The CVE. Vulnerabilities with the same id are one advisory for several packages. */
  readonly id: string;
  /** A severity of the scale, `unknown` if the scanner reports it as unknown, or a new label. */
  readonly severity: Severity | 'unknown' | (string & {});
  /** The CVSS 3.1 base score. */
  readonly score?: number;
  readonly package: { readonly name: string; readonly version: string };
  /** The version with the fix, `none`, or `unknown`. */
  readonly fix: { readonly version: string } | 'none' | 'unknown';
  readonly exploited?: boolean;
  /** The EPSS score. */
  readonly epss?: number;
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

/** A cloud with a stack: the deployed bundle and its environment. Only `runUntilIdle` and `tick` deliver events. */
export interface World {
  readonly name: 'AWS' | 'Azure, repositories' | 'Azure, images';
  /** The registry's id in log lines and mails. */
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
  /** The scanner reports an image, or updates its report. */
  report(repository: string, digest: string, vulnerabilities: readonly Vulnerability[]): Promise<void>;
  /** The scanner stops reporting the image, without proof that it is clean. */
  forget(repository: string, digest: string): Promise<void>;
  /** Removes the lock from outside. */
  removeLock(repository: string): Promise<void>;
  /** Starts a pause (`pullgate pause`) or ends it (`pullgate resume`). */
  setPause(paused: boolean): Promise<void>;
  /** Deploys the graph of another config (`pulumi up`). */
  deploy(graph: Graph): Promise<void>;
  /** Delivers pending events, without waiting for later retries. */
  runUntilIdle(): Promise<void>;
  /**
   * Runs the tick two hours after the last one: everything is observed, and the brake admits waiting gates. Then runs
   * another one, which delivers the notices.
   */
  tick(): Promise<void>;
  /** Pulls an image. A missing image is refused too, because ECR refuses before it checks whether the image exists. */
  pull(repository: string, reference: string): Promise<'pulled' | 'refused'>;
  /** The function's decisions so far, in order. */
  decisions(): readonly Line[];
  mails(): readonly Mail[];
  readonly startedAt: Date;
  now(): Date;
  /** Failures in the cloud, and dead-lettered messages. There must be none. */
  troubles(): readonly string[];
  stop(): Promise<void>;
}

/** The hours between two ticks: more than `sweepHours` and than the brake's hour. */
export const TICK_HOURS = 2;
/** How far the stopped clock moves between reports, because a scanner never reports twice at the same time. */
export const SECOND_MILLISECONDS = 1_000;

/** Groups items by a key, in the order of the first item with each key. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  return [...Map.groupBy(items, keyOf).values()];
}
