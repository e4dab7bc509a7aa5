// What was decided about a gate, as data: one log line each. Sentences are made of it elsewhere.
import type { HoldReason } from '../gate/image-evaluation.ts';
import type { OverrideStep } from '../gate/override.ts';
import type { Clearance, Gate, GateState } from '../gate/record.ts';
import type { Exception } from '../policy/policy.ts';
import type { Verdict } from '../policy/verdict.ts';

/** What wakes the function for a gate. */
export const EVENTS = ['finding', 'scan', 'push', 'delete', 'sweep', 'tick'] as const;
/** A command that a person runs. A command acts on the record alone and observes no images. */
const COMMANDS = ['pause', 'release', 'override'] as const;
export type CommandTrigger = (typeof COMMANDS)[number];
/** What wakes pullgate for a gate. */
export const TRIGGERS = [...EVENTS, ...COMMANDS] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Is it a command that observations, and not the function? No message can say so. */
export function isByCommand(triggers: readonly Trigger[]): boolean {
  return COMMANDS.some((command) => triggers.includes(command));
}

/** What was done to a gate. */
export type Action =
  /** It was as it should be. */
  | 'nothing'
  | 'closed'
  | 'opened'
  /** It has a blocker now, and waits. */
  | 'waiting'
  /** It waited, and has no blocker any more. */
  | 'cleared'
  /** Somebody had taken our closing away, or an older config had written it: it is as it should be again. */
  | 'restored'
  /** The registry would not take it, and never will as things are. */
  | 'refused';

/** What was decided about one image. */
export type ImageDecision =
  | { readonly digest: string; readonly kind: 'none'; readonly verdict: Verdict }
  | { readonly digest: string; readonly kind: 'holds'; readonly why: HoldReason; readonly verdict: Verdict }
  | { readonly digest: string; readonly kind: 'released'; readonly how: Clearance };

/** What was decided about one gate, and what came of it. */
export interface Decision {
  readonly gate: Gate;
  readonly triggers: readonly Trigger[];
  readonly mode: Mode;
  /** The images that were observed and are worth a word: every one that is not plainly allowed, and every blocker. */
  readonly images: readonly ImageDecision[];
  /** Images that were observed and allowed, with nothing to say of them. */
  readonly allowed: number;
  readonly from: GateState;
  readonly to: GateState;
  readonly action: Action;
  /** Why the registry refused. */
  readonly problem?: string | undefined;
  /** Why nobody could be told of a state change. It stays in the record until somebody is. */
  readonly notifyError?: string | undefined;
  /** Findings that an event named and the provider does not know yet: the event comes back later. */
  readonly unconfirmed: readonly string[];
  /** Findings that an event named and the provider shows only as they were before it. */
  readonly outdated: readonly string[];
  /** A scan has only just finished: the message comes back, and the gate is observed again. */
  readonly isUnsettled: boolean;
  /** Exceptions of the policy that have expired: inert. */
  readonly expiredExceptions: readonly Exception[];
  /** Why there was no observation: an order to keep it open is over, and the record alone says what closes it again. */
  readonly unseen?: unknown;
  /** The order by hand that the gate has, if any, and where it is. */
  readonly override?: Pick<OverrideStep, 'step' | 'order'> | undefined;
  /**
   * Of a closing: how long ago the provider had last spoken of what violates, of the oldest of it, when the gate was closed, confirmed and told.
   * Undefined where nothing was closed, or nobody knows.
   */
  readonly secondsSinceFinding?: number | undefined;
  /** The registry's text of the gate, where it was changed. */
  readonly change?: { readonly before: string; readonly after: string } | undefined;
}

/** `enforce` closes; `audit` decides, logs and notifies; `pause` is `audit` by hand, after a release of everything; `release` is that for one look at one gate. */
export type Mode = 'enforce' | 'audit' | 'pause' | 'release';
