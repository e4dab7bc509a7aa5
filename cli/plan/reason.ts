// Says in a few words why a plan changes a gate.
import type { StableState } from '../../shared/gate/record.ts';
import { type Finding, knownSeverity } from '../../shared/policy/finding.ts';
import { counted, describeSeverity } from '../../shared/report/sentences.ts';
import type { Change, GateChange, Side } from './compare.ts';

/** The word for a change at the beginning of a line. */
export const CHANGE_WORDS: Readonly<Record<Change, string>> = {
  closes: 'closes',
  opens: 'opens',
  staysClosed: 'stays closed',
  waits: 'waits',
  clears: 'clears',
  mode: 'mode',
};

const LEFT_OUT = 'the config has no gate for it';

/** The rule that decides about a gate. Undefined: neither config has a rule for it. */
export function ruleOf({ before, after }: Pick<GateChange, 'before' | 'after'>): string | undefined {
  return after.rule ?? (before.rule === undefined ? undefined : "the stack's defaults");
}

/** Why a gate changes: the first finding and how many more, or what else decides. */
export function reasonOf({ change, before, after, findings }: GateChange): string {
  switch (change) {
    case 'closes':
    case 'staysClosed':
      return findingsText(findings) || stateText(after.state);
    case 'waits':
      return [stateText(after.state), findingsText(findings)].filter((part) => part !== '').join(': ');
    case 'opens':
    case 'clears':
      if (after.mode === undefined) return LEFT_OUT;
      if (after.state.kind === 'waiting') return stateText(after.state);
      return findings.length === 0 ? modeChange(before, after) : `${findingsText(findings)} no longer violates`;
    case 'mode':
      return modeChange(before, after);
  }
}

function modeChange(before: Side, after: Side): string {
  const [from, to] = [before, after].map(({ mode = 'left out' }) => mode);
  return from === to ? 'no finding violates' : `${from} -> ${to}`;
}

function findingsText([first, ...others]: readonly Finding[]): string {
  if (first === undefined) return '';
  const found = `${first.vulnerability} (${severityText(first)}) in ${first.package.name}`;
  return others.length === 0 ? found : `${found} and ${counted(others.length, 'more finding')}`;
}

function severityText(finding: Finding): string {
  const known = knownSeverity(finding);
  return known?.from === 'report' ? `${known.severity}, inherited` : describeSeverity(finding);
}

/** Why a gate is in this state, if its findings do not say so. */
function stateText(state: StableState): string {
  if (state.kind === 'closed') return 'an override keeps it closed';
  if (state.kind === 'unexplained') return 'its record does not say why it is closed';
  if (state.kind === 'open') return '';
  switch (state.for) {
    case 'audit':
      return 'audit mode closes nothing';
    case 'inUse':
      return `in use by ${state.by} (${state.setting})`;
    case 'foreignLock':
      return 'someone else locked it';
    case 'override':
      return 'an override keeps it open';
    case 'pause':
    case 'release':
    case 'brake':
    case 'refused':
      return state.for;
  }
}
