// Checks of the notices: every change has one, and it names who took a lock away.
import type { Ending, Observation } from './cloud.ts';
import type { History } from './history.ts';

/**
 * Invariant 9: each change that the function reports, and each that the registry showed, has a notice, or is counted by
 * one or for one. More is allowed: a notice may be sent twice.
 */
export function unnotifiedChanges(
  { changes, lapsed }: History,
  { notified, records }: Observation,
  { decided }: Ending,
): readonly string[] {
  const check = (gate: string, done: string, times: number, kinds: readonly string[]): readonly string[] => {
    const untold = kinds.includes('restored') ? records.find((one) => one.gate === gate)?.untoldRestorations : 0;
    const sent = notified.filter((notice) => notice.gate === gate && kinds.includes(notice.change)).length;
    const told = sent + (untold ?? 0);
    return told < times ? [`${gate} ${done} ${times} times, and was notified of ${told} times`] : [];
  };
  const reported = [...Map.groupBy(decided, (one) => one.gate)].flatMap(([gate, decisions]) => {
    if (lapsed.has(gate)) return [];
    return ['closed', 'opened', 'restored'].flatMap((change) =>
      check(gate, `was ${change}`, decisions.filter((one) => one.change === change).length, [change]),
    );
  });
  const shown = [...changes].flatMap(([gate, { closed, opened }]) => [
    ...check(gate, 'closed', closed, ['closed', 'restored']),
    // If a slow worker opens a gate that another worker has found dangerous again, people are notified that the gate
    // was restored.
    ...check(gate, 'opened', opened, ['opened', 'restored']),
  ]);
  return [...reported, ...shown];
}

export function pendingNotices({ records }: Observation): readonly string[] {
  return records.flatMap(({ gate, pending }) => (pending > 0 ? [`${gate}: notices still pending: ${pending}`] : []));
}

/** Invariant 1: the notice of an opening that a person ordered names the pause or the override. */
export function unnamedReasons({ openedByOrder, lapsed }: History, { notified }: Observation): readonly string[] {
  return [...openedByOrder].flatMap(([gate, words]) => {
    const isNamed = notified.some((one) => one.gate === gate && one.change === 'opened' && words.test(one.text));
    return isNamed || lapsed.has(gate) ? [] : [`no notice says that ${words.source} opened ${gate}`];
  });
}
