// EventBridge's default bus: the rules of the deployed graphs with queues as targets, and schedules on the cloud's
// clock.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { BusEvent } from './bus-event.ts';
import type { FaultBox } from './faults.ts';
import type { Iam } from './iam.ts';
import { assertPattern, matches } from './pattern.ts';
import type { Place } from './place.ts';
import type { RuleResource } from './resources-rules.ts';
import type { Queues, SendOptions } from './sqs.ts';

/** An event that matched a rule but could not be delivered to its target. */
export interface Undelivered {
  readonly ruleArn: string;
  readonly queueArn: string;
  readonly text: string;
  readonly why: string;
}

export interface Bus {
  /**
   * Puts an event on the bus and returns the number of resulting messages. Missing fields of the envelope are filled
   * in.
   */
  put(event: BusEvent): Promise<number>;
  /** Fires every enabled schedule once, whether it is due or not. */
  fireSchedules(): Promise<void>;
  /** The events that no queue accepted because its policy did not let the rule send. */
  readonly undelivered: Undelivered[];
}

export interface RunningBus extends Bus {
  /** Replaces a stack's rules. */
  deploy(stack: string, rules: readonly RuleResource[]): void;
  fireDueSchedules(): Promise<void>;
  nextScheduleAt(): number | undefined;
}

const EVENTBRIDGE = { arn: 'events.amazonaws.com', policies: () => [] };

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly faults: FaultBox;
  readonly iam: Iam;
  readonly queues: Queues;
}

export function createBus({ place, clock, faults, iam, queues }: Parts): RunningBus {
  const stacks = new Map<string, readonly RuleResource[]>();
  const firesAt = new Map<string, number>();
  const undelivered: Undelivered[] = [];
  const rules = () => [...stacks.values()].flat().filter(({ enabled }) => enabled);
  const schedules = () => rules().filter((rule) => rule.everyMilliseconds !== undefined);

  async function deliver(rule: RuleResource, event: BusEvent, options: SendOptions): Promise<void> {
    for (const { queueArn, input, deadLetterArn } of rule.targets) {
      const text = input ?? JSON.stringify(event);
      let why = '';
      for (const arn of deadLetterArn === undefined ? [queueArn] : [queueArn, deadLetterArn]) {
        const need = {
          action: 'sqs:SendMessage',
          resource: arn,
          resourcePolicy: queues.policyOf(arn),
          context: { 'aws:SourceArn': rule.arn, 'aws:SourceAccount': place.account },
        };
        const refused = await iam.refusal(EVENTBRIDGE, need);
        if (refused === undefined) {
          queues.byArn(arn).send(text, arn === queueArn ? options : {});
          why = '';
          break;
        }
        why = refused;
      }
      if (why !== '') undelivered.push({ ruleArn: rule.arn, queueArn, text, why });
    }
  }

  async function fire(rule: RuleResource): Promise<void> {
    const now = clock.now();
    firesAt.set(rule.arn, now.getTime() + (rule.everyMilliseconds ?? 0));
    const event = { source: 'aws.events', 'detail-type': 'Scheduled Event', resources: [rule.arn], detail: {} };
    await deliver(rule, complete(event, place, now), {});
  }

  return {
    undelivered,
    async put(given) {
      const event = complete(given, place, clock.now());
      const hit = rules().filter(({ pattern }) => pattern !== undefined && matches(pattern, event));
      const met = faults.meetOnBus(event);
      if (met.some(({ kind }) => kind === 'lose')) return 0;
      const delays = met.map((fault) => (fault.kind === 'delay' ? fault.milliseconds : 0));
      const copies = met.reduce((most, fault) => (fault.kind === 'duplicate' ? Math.max(most, fault.copies) : most), 1);
      const options = { delayMilliseconds: Math.max(0, ...delays), first: met.some(({ kind }) => kind === 'reorder') };
      for (let copy = 0; copy < copies; copy++) for (const rule of hit) await deliver(rule, event, options);
      return copies * hit.reduce((sum, { targets }) => sum + targets.length, 0);
    },
    async fireSchedules() {
      for (const rule of schedules()) await fire(rule);
    },
    async fireDueSchedules() {
      for (const rule of schedules()) if ((firesAt.get(rule.arn) ?? 0) <= clock.now().getTime()) await fire(rule);
    },
    nextScheduleAt() {
      const times = schedules().map(({ arn }) => firesAt.get(arn) ?? 0);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    deploy(stack, next) {
      for (const { pattern } of next) if (pattern !== undefined) assertPattern(pattern, 'eventPattern');
      stacks.set(stack, next);
      for (const { arn, everyMilliseconds } of next) {
        if (everyMilliseconds !== undefined && !firesAt.has(arn))
          firesAt.set(arn, clock.now().getTime() + everyMilliseconds);
      }
    },
  };
}

function complete(event: BusEvent, { account, region }: Place, now: Date): BusEvent {
  const time = now.toISOString().replace(/\.\d+Z$/, 'Z');
  return { version: '0', id: randomUUID(), account, time, region, resources: [], ...event };
}
