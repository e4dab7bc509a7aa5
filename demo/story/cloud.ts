// What the story asks of a cloud, and what is the same on each: the repository, its image's vulnerability, and how a
// step is checked.

import type { Graph } from '../../local/graph.ts';
import type { Pulled } from '../../local/oci-client.ts';
import type { Found, Mail } from '../acts.ts';

/** One line of a step: words, or data, which is new (`added`) or was there before (`kept`). */
export type Line =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'kept' | 'added'; readonly value: unknown };

/** A cloud as the story moves it. Every method ends when the cloud has nothing more to do. */
export interface StoryCloud {
  /** As the story's lines are marked with it. */
  readonly name: string;
  /** The scanner's name. */
  readonly scanner: string;
  /** What is closed there, for the sentence "what closes is ...". */
  readonly gate: string;
  /** What the types of its resources begin with. */
  readonly typePrefix: string;
  /** Makes the repository, if a push does not, and says what is special about it. */
  createRepository(): readonly string[];
  /** Pushes an image as CI. */
  push(tag: string, content: string): Promise<Pulled>;
  /** Pulls an image as production. */
  pull(tag: string): Promise<Pulled>;
  /** Finds the vulnerability in an image, and says what is special about how pullgate learns of it. */
  scanFinds(tag: string): Promise<readonly string[]>;
  /** Shows that the gate of an image is closed, and by what, and checks that nothing else has changed. */
  showClosed(tag: string): readonly Line[];
  /** Shows what stays possible while the gate of the image is closed and the fix is there too. */
  whatStaysPossible(closedTag: string, fixedTag: string): Promise<readonly string[]>;
  /** The scanner has no word of the image any more, and says nothing of it; says how that happens. */
  forgetFinding(tag: string): Promise<string>;
  /** Proves that the danger is gone, and says how; `pullable` names the image that can be pulled again. */
  prove(tag: string, fixedTag: string): Promise<{ readonly how: string; readonly pullable: string }>;
  /** Shows that a gate that was opened is as it was before. */
  showOpen(tag: string): string;
  /** Deploys another graph of the stack, and lets the timer fire that reconciles everything. */
  redeploy(graph: Graph): Promise<void>;
  /** Of the last decision in the function's log: its message. */
  lastDecision(): string | undefined;
  lastMail(): Mail | undefined;
  /** What a closing takes on the real cloud. */
  readonly delay: string;
  stop(): Promise<void>;
}

export const REPOSITORY = 'shop/checkout';

export const VULNERABILITY = {
  id: 'CVE-2026-1001',
  severity: 'critical',
  score: 9.8,
  package: { name: 'openssl', version: '3.0.13' },
  fixedVersion: '3.0.14',
  link: 'https://example.com/CVE-2026-1001',
} as const satisfies Found;

/** Ends the story if something is not as expected. */
export function check(what: string, given: unknown, wanted: unknown): void {
  if (given !== wanted) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(given)}`);
}

/** A registry that refuses says so with any status but 2xx: which one is not documented for each of them. */
export function isRefused({ status }: Pulled): boolean {
  return status < 200 || status >= 300;
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The message of the last decision in a function's log. */
export function lastDecisionIn(
  logs: readonly { readonly json: Readonly<Record<string, unknown>> | undefined }[],
): string | undefined {
  const message = logs.findLast(({ json }) => json?.['kind'] === 'decision')?.json?.['message'];
  return typeof message === 'string' ? message : undefined;
}
