// Releases single gates: opens what the stack closed, once. The stack is not paused, so its next look may close them again.

import type { Gate } from '../../shared/gate/record.ts';
import { GLOB_PATTERN, globMatcher } from '../../shared/policy/glob.ts';
import { rulesNow } from '../../shared/reconcile/rules.ts';
import type { Hand } from '../override/side.ts';
import { ACR, ECR } from '../stack/image-name.ts';
import type { Side } from '../stack/side.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { agreed } from '../terminal/terminal.ts';
import {
  answersOf,
  countOf,
  DRY,
  isUnfinished,
  list,
  namesOf,
  notOpen,
  type Outcome,
  openOnce,
  type Release,
} from './release.ts';

export interface GatesRelease extends Omit<Release, 'by' | 'now'> {
  readonly selection: Selection;
  readonly handOf: (cloud: Side['cloud']) => Promise<Hand>;
}

/** The gates that somebody names. */
export interface Selection {
  readonly text: string;
  readonly matches: (gate: Gate) => boolean;
}

const FORMS =
  "give a repository (team/app), a glob over repositories ('team/**'), or an image (team/app@sha256:...), each with or without its registry before it";
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/**
 * Reads the name of a gate, or a glob.
 *
 * @throws UsageError where it is neither
 */
export function selectionOf(text: string): Selection {
  const [first = '', ...others] = text.split('/');
  const host = first.toLowerCase();
  // A repository's name may begin with a host's, too: a cache has what it mirrors below registry.k8s.io/.
  const isHost = others.length > 0 && (ECR.test(host) || ACR.test(host));
  const [glob = '', digest, ...rest] = (isHost ? others.join('/') : text).split('@');
  if (!GLOB_PATTERN.test(glob) || rest.length > 0 || (digest !== undefined && !DIGEST.test(digest))) {
    throw new UsageError(`${JSON.stringify(text)} names no gates: ${FORMS}`);
  }
  const matches = globMatcher(glob);
  return {
    text,
    matches: ({ registry, repository, digest: image }) =>
      matches(repository) && (digest === undefined || digest === image) && (!isHost || isAt(host, registry)),
  };
}

/** An account of AWS begins the host's name; so does a registry's name on Azure, where a label of its own may follow. */
export function isAt(host: string, registry: string): boolean {
  const name = registry.slice(registry.lastIndexOf('/') + 1).toLowerCase();
  return host.startsWith(`${name}.`) || (host.endsWith('.azurecr.io') && host.startsWith(`${name}-`));
}

/** Opens the gates that somebody names, after showing them. */
export async function releaseGates(release: GatesRelease): Promise<ExitCode> {
  const { terminal, stack, sides, selection, handOf, dryRun = false, yes, report = () => {} } = release;
  if (!(await isKnown(sides, selection))) {
    throw new UsageError(`the stack ${stack} has no gate ${selection.text}: it has closed none of that name; ${FORMS}`);
  }
  const closed = (await notOpen(sides, selection.matches)).filter(isUnfinished);
  const nameOf = namesOf(closed);
  const modes = await modesOf(sides);
  const paused = [...modes.values()].every((mode) => mode === 'pause');
  if (closed.length === 0) {
    report({ stack, dryRun, paused, gates: [] });
    terminal.print(`The stack ${stack} keeps nothing closed that is named ${selection.text}: there is nothing to do.`);
    return 0;
  }
  terminal.print(`To be opened, whatever is inside: ${countOf(closed)} of the stack ${stack}:\n`);
  list(closed, terminal, nameOf);
  terminal.print(`\n${whatComesNext(release, [...modes.values()])}`);
  if (dryRun) {
    report({ stack, dryRun, paused, gates: answersOf(closed) });
    terminal.print(DRY);
    return 0;
  }
  if (!yes && !(await agreed(terminal, `Open ${countOf(closed)}?`))) return 2;
  terminal.print('');
  const hands = new Map<Side, Hand>();
  for (const side of new Set(closed.map((held) => held.side))) hands.set(side, await handOf(side.cloud));
  const outcomes = new Map<string, Outcome>();
  await openOnce(closed, outcomes, terminal, nameOf, async ({ side, record }) => {
    const mode = modes.get(side) ?? 'enforce';
    const hand = hands.get(side) ?? (await handOf(side.cloud));
    return hand.look(record.gate, mode === 'enforce' ? 'release' : mode, 'release');
  });
  report({ stack, dryRun, paused, gates: answersOf(closed, outcomes) });
  const failed = [...outcomes.values()].filter(({ problem }) => problem !== undefined).length;
  if (failed === 0) return 0;
  terminal.print(
    `\nNot everything went well (${failed} of ${closed.length}): see above, mend it, and run this command again.`,
  );
  return 1;
}

/** Has the stack ever had to do with such a gate? */
async function isKnown(sides: readonly Side[], { matches }: Selection): Promise<boolean> {
  for (const side of sides) for await (const gate of side.gates()) if (matches(gate)) return true;
  return false;
}

async function modesOf(sides: readonly Side[]) {
  const modes = await Promise.all(sides.map(async ({ settings, pause }) => (await rulesNow(settings, pause)).mode));
  return new Map(sides.map((side, place) => [side, modes[place] ?? 'enforce']));
}

/** What a release of single gates is not: somebody who expects them to stay open has to hear of it before. */
function whatComesNext({ sides }: GatesRelease, modes: readonly string[]): string {
  if (modes.every((mode) => mode === 'pause')) return 'The stack is paused, so they stay open until `pullgate resume`.';
  if (modes.every((mode) => mode !== 'enforce')) return 'The stack closes nothing at present, so they stay open.';
  const hours = Math.max(...sides.map(({ settings }) => settings.sweepHours));
  return (
    `The stack is not paused: its next look (the next event, or the sweep, within ${hours} hours) closes again what still has to be closed.\n` +
    'What has to stay open needs an exception in the policy, or `pullgate open IMAGE --for 4h ...`; everything, `pullgate release --all`.'
  );
}
