// From Defender to its subscribers: events through the deployed automations, which can be lost, repeated, late, or in
// the wrong order.
import type { Clock } from '../clock.ts';
import {
  type Automation,
  type AutomationAction,
  checkAutomation,
  matchesAutomation,
  type SecurityEvent,
} from './automation.ts';
import type { Row, TableName } from './tables.ts';

/** What happens to an event on its way to a target. */
export type EventFault = (
  | { readonly kind: 'lose' }
  /** Delivered this many times. */
  | { readonly kind: 'duplicate'; readonly copies: number }
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Held back until another event is through, or nothing else is left: a series of events arrives backwards. */
  | { readonly kind: 'reorder' }
) & {
  /** On the way to the Logic App (the event) or to the workspace (its row). Default: to the Logic App. */
  readonly to?: AutomationAction['kind'];
  readonly where?: (event: SecurityEvent) => boolean;
  /** How many deliveries it meets. Default: all. */
  readonly times?: number;
};

/** What an event becomes in a workspace; undefined for one that leaves no row. */
export type RowOfEvent = { readonly table: TableName; readonly row: Row } | undefined;

/** A delivery that its target did not take. */
export interface Undelivered {
  readonly automation: string;
  readonly event: SecurityEvent;
  readonly why: string;
}

export interface SecurityEvents {
  /** Sends an event, and answers when everybody has it who is to have it now. */
  send(event: SecurityEvent, row: RowOfEvent): Promise<void>;
  /** Answers with what takes the fault away. */
  disturb(fault: EventFault): () => void;
  /** Takes all faults away. */
  clear(): void;
  readonly undelivered: readonly Undelivered[];
}

export interface RunningSecurityEvents extends SecurityEvents {
  /** Puts a stack's automations in the place of those that it had. */
  deploy(stack: string, automations: readonly Automation[]): void;
  /** Delivers what was held back, and what is late and due. */
  deliverDue(): Promise<void>;
  nextDeliveryAt(): number | undefined;
}

interface Parts {
  readonly clock: Clock;
  /** Calls a Logic App by its address, and answers with the status. */
  readonly callLogicApp: (logicAppId: string, uri: string, body: unknown) => Promise<number>;
  /** Undefined if the workspace is not known. */
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
