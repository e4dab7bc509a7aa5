// Delivers Defender's events to their subscribers through the deployed automations. Events can be lost, duplicated,
// delayed or reordered.
import type { Clock } from '../clock.ts';
import {
  type Automation,
  type AutomationAction,
  checkAutomation,
  matchesAutomation,
  type SecurityEvent,
} from './automation.ts';
import type { Row, TableName } from './tables.ts';

/** A fault that affects an event in transit to a target. */
export type EventFault = (
  | { readonly kind: 'lose' }
  /** The number of times the event is delivered. */
  | { readonly kind: 'duplicate'; readonly copies: number }
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /**
   * The event is held back until another event is delivered or none is left, so that a series of events arrives in
   * reverse.
   */
  | { readonly kind: 'reorder' }
) & {
  /** The affected target: the Logic App (the event) or the workspace (its row). Default: the Logic App. */
  readonly to?: AutomationAction['kind'];
  readonly where?: (event: SecurityEvent) => boolean;
  /** The number of deliveries to affect. Default: all. */
  readonly times?: number;
};

/** The workspace row of an event; undefined for an event that leaves no row. */
export type RowOfEvent = { readonly table: TableName; readonly row: Row } | undefined;

/** A delivery that its target rejected. */
export interface Undelivered {
  readonly automation: string;
  readonly event: SecurityEvent;
  readonly why: string;
}

export interface SecurityEvents {
  /** Sends an event. Resolves when every target that is to receive it now has received it. */
  send(event: SecurityEvent, row: RowOfEvent): Promise<void>;
  /** Injects a fault. Returns a function that removes it. */
  disturb(fault: EventFault): () => void;
  /** Removes all faults. */
  clear(): void;
  readonly undelivered: readonly Undelivered[];
}

export interface RunningSecurityEvents extends SecurityEvents {
  /** Replaces a stack's automations. */
  deploy(stack: string, automations: readonly Automation[]): void;
  /** Delivers the events that were held back, and the delayed events that are due. */
  deliverDue(): Promise<void>;
  nextDeliveryAt(): number | undefined;
}

interface Parts {
  readonly clock: Clock;
  /** Calls a Logic App by its address, and returns the status. */
  readonly callLogicApp: (logicAppId: string, uri: string, body: unknown) => Promise<number>;
  /** Undefined if the workspace is unknown. */
  readonly ingest: (workspaceId: string, row: NonNullable<RowOfEvent>) => boolean;
}

export function createSecurityEvents({ clock, callLogicApp, ingest }: Parts): RunningSecurityEvents {
  const stacks = new Map<string, readonly Automation[]>();
  const faults = new Map<EventFault, { met: number }>();
  const undelivered: Undelivered[] = [];
  const held: (() => Promise<void>)[] = [];
  let late: { readonly at: number; readonly deliver: () => Promise<void> }[] = [];

  function meet(event: SecurityEvent, action: AutomationAction): readonly EventFault[] {
    const met: EventFault[] = [];
    for (const [fault, count] of faults) {
      if ((fault.to ?? 'LogicApp') !== action.kind || fault.where?.(event) === false) continue;
      count.met += 1;
      if (count.met >= (fault.times ?? Number.POSITIVE_INFINITY)) faults.delete(fault);
      met.push(fault);
    }
    return met;
  }

  async function deliver(automation: Automation, action: AutomationAction, event: SecurityEvent, row: RowOfEvent) {
    const refused = (why: string) => void undelivered.push({ automation: automation.id, event, why });
    if (action.kind === 'LogicApp') {
      const status = await callLogicApp(action.logicAppId, action.uri, event.body);
      if (status >= 300) refused(`the Logic App ${action.logicAppId} answers ${status}`);
    } else if (row !== undefined && !ingest(action.workspaceId, row)) {
      refused(`there is no workspace ${action.workspaceId}`);
    }
  }

  async function release(): Promise<void> {
    for (let next = held.pop(); next !== undefined; next = held.pop()) await next();
  }

  return {
    undelivered,
    async send(event, row) {
      for (const automation of [...stacks.values()].flat()) {
        if (!matchesAutomation(automation, event)) continue;
        for (const action of automation.actions) {
          const met = meet(event, action);
          if (met.some(({ kind }) => kind === 'lose')) continue;
          const copies = met.reduce(
            (most, fault) => (fault.kind === 'duplicate' ? Math.max(most, fault.copies) : most),
            1,
          );
          const delay = met.reduce(
            (most, fault) => (fault.kind === 'delay' ? Math.max(most, fault.milliseconds) : most),
            0,
          );
          const once = () => deliver(automation, action, event, row);
          const all = async () => {
            for (let copy = 0; copy < copies; copy++) await once();
          };
          if (delay > 0) late.push({ at: clock.now().getTime() + delay, deliver: all });
          else if (met.some(({ kind }) => kind === 'reorder')) held.push(all);
          else {
            await all();
            if (action.kind === 'LogicApp') await release();
          }
        }
      }
    },
    disturb(fault) {
      faults.set(fault, { met: 0 });
      return () => void faults.delete(fault);
    },
    clear: () => faults.clear(),
    deploy(stack, automations) {
      for (const automation of automations) checkAutomation(automation);
      stacks.set(stack, automations);
    },
    async deliverDue() {
      await release();
      const now = clock.now().getTime();
      const due = late.filter(({ at }) => at <= now).sort((one, other) => one.at - other.at);
      late = late.filter(({ at }) => at > now);
      for (const { deliver } of due) await deliver();
    },
    nextDeliveryAt() {
      if (held.length > 0) return clock.now().getTime();
      return late.length === 0 ? undefined : Math.min(...late.map(({ at }) => at));
    },
  };
}
