// What people and the scanner do on a local cloud, in words that are the same on each. The story and the page that
// `npm start -- --watch` serves are made of these.

import type { Clock } from '../local/clock.ts';
import type { Graph } from '../local/graph.ts';
import type { LogLine } from '../local/log-line.ts';
import type { Pulled } from '../local/oci-client.ts';
import type { Severity } from '../shared/policy/severity.ts';

/** One vulnerability in one package, as the scanner is made to find it. */
export interface Found {
  /** `CVE-2026-1001` */
  readonly id: string;
  readonly severity: Severity;
  /** The base score of CVSS 3.1, if there is one. */
  readonly score?: number;
  readonly package: { readonly name: string; readonly version: string };
  /** The version without it. Without one there is no fix. */
  readonly fixedVersion?: string;
  /** Is an exploit known? Default: false. */
  readonly exploited?: boolean;
  readonly link?: string;
}

export interface ImageRef {
  readonly repository: string;
  readonly digest: string;
}

/** A mail that people get of a state change. */
export interface Mail {
  readonly subject: string;
  readonly text: string;
  /** The cloud's time. */
  readonly at: Date;
}

/** An image as the registry shows it. */
export interface ShownImage extends ImageRef {
  /** None where another image took them over, or they were removed. */
  readonly tags: readonly string[];
  readonly pushedAt: Date;
  /** Does pullgate's closing keep everybody from pulling it, as the registry shows it? */
  readonly isClosed: boolean;
  /** What pullgate calls the gate of the image: its repository, or the repository and the digest. */
  readonly gate: string;
  /** What the registry holds of the gate, as JSON: the repository's policy, or the manifest's attributes. */
  readonly setting: string;
}

/** A cloud with one stack deployed. What changes the world does not wait for what comes of it: `runUntilIdle` does. */
export interface Acts {
  /** As people know it. */
  readonly name: string;
  /** The scanner's name. */
  readonly scanner: string;
  readonly clock: Clock;
  /** Pushes an image as CI; where the repository is not there yet, it is made. */
  push(repository: string, tag: string, content: string): Promise<Pulled>;
  /** Pulls an image as production, by tag or digest. */
  pull(repository: string, reference: string): Promise<Pulled>;
  /** @throws Error if no image has the tag */
  digestOf(repository: string, tag: string): string;
  /** The scanner has scanned an image, and reports what it found; what it had reported before stays. */
  report(image: ImageRef, found: readonly Found[]): Promise<void>;
  /** A newer scan finds nothing of what was reported. */
  scanClean(image: ImageRef): Promise<void>;
  /** The scanner has no word of the image any more, and proves nothing by it; answers how that happens. */
  forget(image: ImageRef): Promise<string>;
  /** An image is deleted with its tags. */
  remove(image: ImageRef): Promise<void>;
  /**
   * Waits until the function has nothing more to do. What is retried later is retried at once: the clock moves to it.
   */
  runUntilIdle(): Promise<void>;
  /** Moves the clock; the timers and messages that fall due on the way are worked on, each at its time. */
  letPass(milliseconds: number): Promise<void>;
  /** Deploys another graph of the stack, and lets the timer fire that reconciles everything. */
  redeploy(graph: Graph): Promise<void>;
  /** Every image, in the order of the first push. */
  images(): readonly ShownImage[];
  /** What the function has written into its log since this was last asked. */
  takeLog(): readonly LogLine[];
  /** The mails that were sent since this was last asked. */
  takeMails(): readonly Mail[];
  /** What went wrong for no reason of pullgate's since this was last asked: gaps of the local cloud. */
  takeGaps(): readonly string[];
  /** How many messages were given up: they are in the dead-letter or poison queue. */
  deadLetters(): number;
  stop(): Promise<void>;
}
