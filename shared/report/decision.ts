// What was decided about a gate, as data: one log line each. Sentences are made of it elsewhere.

import type { Gate } from '../gate/gate.ts';
import type { HoldReason } from '../gate/image-evaluation.ts';
import type { OverrideStep } from '../gate/override.ts';
import type { ClearedImage, GateState } from '../gate/record.ts';
import type { Exception } from '../policy/exceptions.ts';
import type { Verdict } from '../policy/verdict.ts';
import type { EffectiveMode } from '../reconcile/mode.ts';
import type { Trigger } from '../reconcile/trigger.ts';

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
  /** Our lock had been removed, or written by an older config: it is as it should be again. */
  | 'restored'
  /** The registry would not take it, and never will as things are. */
  | 'refused';

/** What is done unless the registry refuses. */
export type Completed = Exclude<Action, 'refused'>;

/** What was decided about one image. */
export type ImageDecision =
  | { readonly digest: string; readonly kind: 'none'; readonly verdict: Verdict }
  | { readonly digest: string; readonly kind: 'holds'; readonly why: HoldReason; readonly verdict: Verdict }
  | ({ readonly kind: 'cleared' } & ClearedImage);

/** What was decided about one gate, and what came of it. */
export type Decision = Decided & Outcome;

/** What was done, and what it came to. */
export type Outcome =
  | {
      readonly action: Completed;
      readonly problem?: undefined;
      /** Why a notice could not be sent. It stays in the record, pending. */
      readonly notifyError?: string | undefined;
      /** The registry's text of the gate, if it was changed. */
      readonly change?: { readonly before: string; readonly after: string } | undefined;
    }
  | {
      readonly action: 'refused';
      /** Why the registry refused. */
      readonly problem: string;
      readonly notifyError?: undefined;
      readonly change?: undefined;
    };

interface Decided {
  readonly gate: Gate;
  readonly triggers: readonly Trigger[];
  readonly mode: EffectiveMode;
  /** The observed images that are worth naming: every one that is not plainly allowed, and every blocker. */
  readonly images: readonly ImageDecision[];
  /** Images that were observed and allowed, with nothing to say of them. */
  readonly allowed: number;
  readonly from: GateState;
  readonly to: GateState;
  /** Reports that an event named and the provider does not show yet: the event is retried. */
  readonly awaited: readonly string[];
  /** Exceptions of the policy that have expired: inert. */
  readonly expiredExceptions: readonly Exception[];
  /** The override of the gate, if any, and where it is. */
  readonly override?: Pick<OverrideStep, 'step' | 'order'> | undefined;
  /**
   * Of a closing: how long ago the provider had last updated what violates, of the oldest of it, when the gate was
   * closed and confirmed, and its notice sent. Undefined if nothing was closed, or if the provider does not say.
   */
  readonly secondsSinceFinding?: number | undefined;
}
