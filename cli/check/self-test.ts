// The lines of a self-test: what was checked, the result, and what to do.

import { plain } from '../../shared/runtime/unseen.ts';
import { columns, paint, type Style } from '../terminal/terminal.ts';

/**
 * `warning`: pullgate works, but a person should know. `failed`: pullgate does not work, or not for everything.
 * `unknown`: it could not be checked.
 */
export type TestState = 'ok' | 'warning' | 'failed' | 'unknown';

export interface TestLine {
  readonly check: 'plan' | 'rows' | 'attributed' | 'severities' | 'cves' | 'network' | 'roleMode' | 'unlock';
  /** What was checked, such as `plan Containers` or `acmeimages: network`. */
  readonly what: string;
  readonly state: TestState;
  readonly found: string;
  /** What to do. Undefined if there is nothing to do. */
  readonly toDo?: string | undefined;
  /** Who may undo a lock. Only of the check `unlock`. */
  readonly principals?: readonly RolePrincipal[];
}

/** A principal with a role that is in effect at a registry. */
export interface RolePrincipal {
  /** `User`, `Group`, `ServicePrincipal`, ... */
  readonly type: string;
  /** Its object id in the directory. */
  readonly id: string;
  readonly role: string;
  /** Where the role is assigned: the id of the registry, or of a scope above it. */
  readonly scope: string;
  /** The condition that limits the assignment. */
  readonly condition?: string;
  /** `pullgate`: the role of a pullgate stack. `administrator`: a role that may change everything. */
  readonly kind: 'pullgate' | 'administrator' | 'other';
}

/** The result of one check. */
export type TestResult = Pick<TestLine, 'state' | 'found' | 'toDo' | 'principals'>;

const COLORS: Readonly<Record<TestState, Style>> = { ok: 'green', warning: 'yellow', failed: 'red', unknown: 'yellow' };
/** The most principals that the terminal shows for a registry. */
const MAX_SHOWN = 20;

/** Does the self-test have something that `--strict` does not let pass? */
export function needsAction(lines: readonly TestLine[]): boolean {
  return lines.some(({ state }) => state === 'failed' || state === 'unknown');
}

/** Formats a self-test for the terminal. */
export function testLines(lines: readonly TestLine[]): readonly string[] {
  const rows = columns(lines.map(({ state, what, found }) => [`  ${state}`, what, found].map(plainCell)));
  return [
    `Self-test on Azure: ${summary(lines)}.`,
    ...lines.flatMap(({ state, toDo, principals = [] }, index) => [
      paint(COLORS[state], rows[index] ?? ''),
      ...principalLines(principals).map((line) => `      ${plain(line)}`),
      ...(toDo === undefined ? [] : [`      To do: ${plain(toDo)}`]),
    ]),
  ];
}

/** `plain` would remove the indentation. */
function plainCell(cell: string): string {
  return `${/^ */.exec(cell)?.[0]}${plain(cell.trimStart())}`;
}

function summary(lines: readonly TestLine[]): string {
  const count = (wanted: TestState) => lines.filter(({ state }) => state === wanted).length;
  const parts = [
    [count('failed'), 'failed'],
    [count('unknown'), 'could not be checked'],
    [count('warning'), count('warning') === 1 ? 'warning' : 'warnings'],
  ] as const;
  const found = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  if (found.length > 0) return found.join(', ');
  return lines.length === 1 ? 'the only check is ok' : `all ${lines.length} checks are ok`;
}

function principalLines(principals: readonly RolePrincipal[]): readonly string[] {
  const named = principals.filter(({ kind }) => kind !== 'pullgate');
  const shown = named.slice(0, MAX_SHOWN).map(({ type, id, role, scope, condition }) => {
    const limit = condition === undefined ? '' : ', limited by a condition';
    return [`${type} ${id}`, `${role} on ${scopeName(scope)}${limit}`];
  });
  const more = named.length - shown.length;
  return [...columns(shown), ...(more > 0 ? [`and ${more} more, which --json shows`] : [])];
}

/** `the registry`, `the resource group images`, `the subscription`, `the management group platform`. */
function scopeName(scope: string): string {
  const parts = scope.split('/').filter((part) => part !== '');
  const last = parts.at(-1) ?? '';
  if (last === '') return 'the tenant';
  if (parts.length === 2) return 'the subscription';
  if (/\/managementGroups\/[^/]+$/i.test(scope)) return `the management group ${last}`;
  return parts.length === 4 ? `the resource group ${last}` : 'the registry';
}
