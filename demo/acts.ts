// The actions of people and the scanner on a local cloud, behind one interface for all clouds. Both the story and the
// page of `npm start -- --watch` use it.

import type { Clock } from '../local/clock.ts';
import type { Graph } from '../local/graph.ts';
import type { LogLine } from '../local/log-line.ts';
import type { Pulled } from '../local/oci-client.ts';
import type { Severity } from '../shared/policy/severity.ts';

/** One vulnerability in one package, as the scanner reports it. */
export interface Found {
  /** `CVE-2026-1001` */
  readonly id: string;
  readonly severity: Severity;
  /** The base score of CVSS 3.1, if there is one. */
  readonly score?: number;
  readonly package: { readonly name: string; readonly version: string };
  /** The version that fixes it. Absent if there is no fix. */
  readonly fixedVersion?: string;
  /** Whether an exploit is known. Default: false. */
  readonly exploited?: boolean;
  readonly link?: string;
}

export interface ImageRef {
  readonly repository: string;
  readonly digest: string;
}

/** A mail about a state change. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
  /** The cloud's time. */
  readonly at: Date;
}

/** An image as the registry shows it. */
export interface ShownImage extends ImageRef {
  /** Empty if another image took the tags over or they were removed. */
  readonly tags: readonly string[];
  readonly pushedAt: Date;
  /** Whether pullgate's lock in the registry blocks all pulls except those of exempt principals. */
  readonly isClosed: boolean;
  /** pullgate's name for the image's gate: the repository, or the repository and the digest. */
  readonly gate: string;
  /** The setting that locks the gate, as JSON: the repository's policy or the manifest's attributes. */
  readonly setting: string;
}

/** A cloud with one stack deployed. Methods that change the cloud do not wait for the function; `runUntilIdle` does. */
export interface Acts {
  /** The name to show. */
  readonly name: string;
  /** The scanner's name. */
  readonly scanner: string;
  readonly clock: Clock;
  /** Pushes an image as CI, and creates the repository if necessary. */
  push(repository: string, tag: string, content: string): Promise<Pulled>;
  /** Pulls an image as production, by tag or digest. */
  pull(repository: string, reference: string): Promise<Pulled>;
  /** @throws Error if no image has the tag */
  digestOf(repository: string, tag: string): string;
  /** Reports the findings of a finished scan. Findings that were reported earlier remain. */
  report(image: ImageRef, found: readonly Found[]): Promise<void>;
  /** Reports a newer scan that finds none of the reported vulnerabilities. */
  scanClean(image: ImageRef): Promise<void>;
  /** Makes the findings disappear without proof, and returns a sentence that explains how that happens. */
  forget(image: ImageRef): Promise<string>;
  /** Deletes an image and its tags. */
  remove(image: ImageRef): Promise<void>;
  /** Waits until the function has nothing left to do. The clock moves ahead to each scheduled retry. */
  runUntilIdle(): Promise<void>;
  /** Moves the clock. Timers and messages that fall due on the way run at their own times. */
  letPass(milliseconds: number): Promise<void>;
  /** Deploys another graph of the stack, then fires the tick. */
  redeploy(graph: Graph): Promise<void>;
  /** All images, in the order of their first push. */
  images(): readonly ShownImage[];
  /** The lines that the function has logged since the last call. */
  takeLog(): readonly LogLine[];
  /** The mails that were sent since the last call. */
  takeMails(): readonly Mail[];
  /** Failures since the last call that the local cloud caused, not pullgate: features that it lacks. */
  takeGaps(): readonly string[];
  /** The number of messages in the dead-letter queue or the poison queue. */
  deadLetters(): number;
  stop(): Promise<void>;
}
