// The output of `pullgate plan --json`.
import type { GateChange, Side } from './compare.ts';
import type { Plan } from './make-plan.ts';
import { reasonOf } from './reason.ts';
import { hoursToClose, totalsOf } from './totals.ts';

const FINDINGS = 10;

/** The document. A gate has its first findings, and the number of the others. */
export function jsonOf(plan: Plan, maxCloses: number) {
  const { targets, ...head } = plan;
  return {
    ...head,
    maxCloses,
    totals: totalsOf(plan),
    targets: targets.map(({ changes, braked, brakedPending: _, limits, ...target }) => ({
      ...target,
      limits: {
        ...limits,
        gates: braked,
        hours: braked === 0 ? 0 : hoursToClose(braked, limits),
      },
      gates: changes.map(gateJson),
    })),
  };
}

function gateJson(change: GateChange) {
  const { gate, findings, before, after, ...rest } = change;
  return {
    ...gate,
    ...rest,
    reason: reasonOf(change),
    before: sideJson(before),
    after: sideJson(after),
    findings: findings.slice(0, FINDINGS),
    moreFindings: Math.max(0, findings.length - FINDINGS),
  };
}

/** null: no gate by this config, or no rule. */
function sideJson({ mode, rule, ...side }: Side) {
  return { ...side, mode: mode ?? null, rule: rule ?? null };
}
