// The decision about a gate, as data. Each decision is one log line; `sentences.ts` describes it in English.

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
  /** The gate was already in its desired state. */
  | 'nothing'
  | 'closed'
  | 'opened'
  /** The gate has a blocker now and waits. */
  | 'waiting'
  /** The gate waited, and has no blocker left. */
  | 'cleared'
  /** Our lock was missing, or came from an older config, and was written again. */
  | 'restored'
  /** Our lock is in place for a reason that the record does not have. The gate stays closed. */
  | 'unexplained'
  /** The registry refused the change. A retry cannot help until a person changes something. */
  | 'refused';

/** Every action but a refusal. */
export type Completed = Exclude<Action, 'refused'>;

/** What was decided about one image. */
export type ImageDecision =
  | { readonly digest: string; readonly kind: 'none'; readonly verdict: Verdict }
  | { readonly digest: string; readonly kind: 'holds'; readonly why: HoldReason; readonly verdict: Verdict }
  | ({ readonly kind: 'cleared' } & ClearedImage);

/** The decision about one gate, and its outcome. */
export type Decision = Decided & Outcome;

/** What was done, and the result. */
export type Outcome =
  | {
      readonly action: Completed;
      readonly problem?: undefined;
      /** Why a notice could not be sent. The notice stays pending in the record. */
      readonly notifyError?: string | undefined;
      /** The registry's own text for the gate before and after, if it changed. */
      readonly change?: { readonly before: string; readonly after: string } | undefined;
    }
  | {
      readonly action: 'refused';
      /** Why the registry refused. */
      readonly problem: string;
      readonly notifyError?: string | undefined;
      readonly change?: undefined;
    };

interface Decided {
  readonly gate: Gate;
  readonly triggers: readonly Trigger[];
  /** The label of the rule that applies. Undefined: the stack's defaults apply. */
  readonly rule?: string | undefined;
  readonly mode: EffectiveMode;
  /** The observed images to report: every blocker, and every image that is not plainly allowed. */
  readonly images: readonly ImageDecision[];
  /** The number of observed images that are plainly allowed. */
  readonly allowed: number;
  /** The number of judged images: all that are in scope. Undefined: the gate is one image, or not all were observed. */
  readonly judged?: number | undefined;
  readonly from: GateState;
  readonly to: GateState;
  /** Reports that an event named but the provider does not list yet: the event is retried. */
  readonly awaited: readonly string[];
  /** Expired exceptions of the policy. They have no effect. */
  readonly expiredExceptions: readonly Exception[];
  /** The gate's override, if any, and its step. */
  readonly override?: Pick<OverrideStep, 'step' | 'order'> | undefined;
  /**
   * The time from the provider's last update of the oldest violating report to the moment when the gate was closed and
   * confirmed, and its notice sent if an event closed it. Undefined if nothing was closed, or if the provider gives no
   * time.
   */
  readonly secondsSinceFinding?: number | undefined;
}
