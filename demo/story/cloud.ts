// The interface of a cloud in the story, and what the clouds share: the repository, the vulnerability, and the checks
// of a step.

import type { Graph } from '../../local/graph.ts';
import type { Pulled } from '../../local/oci-client.ts';
import type { Found, Mail } from '../acts.ts';

/** One line of a step: text, or data that is new (`added`) or was there before (`kept`). */
export type Line =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'kept' | 'added'; readonly value: unknown };

/** A cloud in the story. Every method waits until the cloud has nothing left to do. */
export interface StoryCloud {
  /** The label of the cloud's lines. */
  readonly name: string;
  /** The scanner's name. */
  readonly scanner: string;
  /** A sentence or two: what a gate is there, and what closes it. */
  readonly gate: string;
  /** The prefix of the types of its resources. */
  readonly typePrefix: string;
  /** Creates the repository, unless a push does. Returns sentences about what is special. */
  createRepository(): readonly string[];
  /** Pushes an image as CI. */
  push(tag: string, content: string): Promise<Pulled>;
  /** Pulls an image as production. */
  pull(tag: string): Promise<Pulled>;
  /** Makes the scanner find the vulnerability in an image. Returns sentences about what is special. */
  scanFinds(tag: string): Promise<readonly string[]>;
  /** Checks that the image's gate is closed and that nothing else changed. Returns the lock to show. */
  showClosed(tag: string): readonly Line[];
  /** Checks what is still possible while the gate is closed and the fix is pushed. Returns sentences about it. */
  whatStaysPossible(closedTag: string, fixedTag: string): Promise<readonly string[]>;
  /** Makes the finding disappear without proof. Returns a sentence that explains how that happens. */
  forgetFinding(tag: string): Promise<string>;
  /** Proves that the vulnerability is gone. Returns how, and the tag that can be pulled again (`pullable`). */
  prove(tag: string, fixedTag: string): Promise<{ readonly how: string; readonly pullable: string }>;
  /** Checks that the opened gate is as it was before. Returns a sentence about it. */
  showOpen(tag: string): string;
  /** Deploys another graph of the stack, then fires the tick. */
  redeploy(graph: Graph): Promise<void>;
  /** The message of the last decision in the function's log. */
  lastDecision(): string | undefined;
  lastMail(): Mail | undefined;
  /** What determines the time of a closing on the real cloud. */
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

/** Fails the story if a value is not the expected one. */
export function check(what: string, given: unknown, wanted: unknown): void {
  if (given !== wanted) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(given)}`);
}

/** Any status but 2xx is a refusal: the registries do not document which status they use for each one. */
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
