// Earlier answers of a service, for simulating reads from a replica that lags behind the latest write.
import type { AnyCall } from './calls.ts';
import type { Clock } from './clock.ts';
import type { FaultBoxOf, FaultKind } from './faults.ts';

export interface StaleAnswersOf<Call, Answer> {
  /** Stores an answer for as long as it may be needed. */
  keep(call: Call, answer: Answer): void;
  /** Returns the earlier answer to the same request; undefined if there is none or it is too old. */
  find(call: Call, fault: FaultKind | undefined): Answer | undefined;
}

export function createStaleAnswers<Call extends AnyCall & { readonly input: unknown }, Answer>(
  clock: Clock,
  faults: Pick<FaultBoxOf<Call>, 'mayMeet'>,
): StaleAnswersOf<Call, Answer> {
  const answers = new Map<string, { readonly answer: Answer; readonly at: number }>();
  const keyOf = ({ service, operation, input }: Call) => `${service}:${operation}:${JSON.stringify(input)}`;
  return {
    keep(call, answer) {
      if (faults.mayMeet('stale')) answers.set(keyOf(call), { answer, at: clock.now().getTime() });
    },
    find(call, fault) {
      if (fault?.kind !== 'stale') return undefined;
      const found = answers.get(keyOf(call));
      return found !== undefined && clock.now().getTime() - found.at <= fault.maxAgeMilliseconds
        ? found.answer
        : undefined;
    },
  };
}
