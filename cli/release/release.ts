// Opens gates once. The stack is not paused, so the next event or sweep may close them again.

import type { Gate } from '../../shared/gate/gate.ts';
import { DIGEST_PATTERN } from '../../shared/policy/digest.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { GLOB_PATTERN, globMatcher } from '../../shared/policy/glob.ts';
import type { EffectiveMode } from '../../shared/reconcile/mode.ts';
import { currentRules, type Rules } from '../../shared/reconcile/rules.ts';
import { counted } from '../../shared/report/sentences.ts';
import type { Client } from '../stack/client.ts';
import { ACR, ECR, isAt } from '../stack/image-name.ts';
import { type ExitCode, UsageError } from '../terminal/ending.ts';
import { agreed, DRY_RUN, type Terminal } from '../terminal/terminal.ts';
import { gateNames } from '../terminal/words.ts';
import {
  countOf,
  type GateJson,
  type GateOnRecord,
  gatesJson,
  gatesOf,
  loadGates,
  type Openings,
  openEach,
  printGates,
  toOpen,
  unfinishedOf,
  unreadLines,
} from './opening.ts';

export interface Release {
  readonly stack: string;
  /** The stack as part of a sentence: `the stack dev`. */
  readonly label: string;
  readonly clients: readonly Client[];
  readonly selection: Selection;
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** Do not ask for confirmation. */
  readonly yes: boolean;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Prints the answer as data. Default: prints nothing. */
  readonly printJson?: (answer: ReleaseAnswer) => void;
}

export interface ReleaseAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly paused: boolean;
  readonly gates: readonly GateJson[];
}

/** The gates that a name or a glob selects. */
export interface Selection {
  readonly text: string;
  readonly matches: (gate: Gate) => boolean;
}

const FORMS =
  "give a repository (team/app), a glob over repositories ('team/**') or an image (team/app@sha256:...), each with or without its registry";

/**
 * Parses the name of a gate or a glob.
 *
 * @throws UsageError if it is neither
 */
export function parseSelection(text: string): Selection {
  const [first = '', ...others] = text.split('/');
  const host = first.toLowerCase();
  // A repository's name may look like a host: a pull-through cache keeps images below registry.k8s.io/.
  const isHost = others.length > 0 && (ECR.test(host) || ACR.test(host));
  const [glob = '', digest, ...rest] = (isHost ? others.join('/') : text).split('@');
  if (!GLOB_PATTERN.test(glob) || rest.length > 0 || (digest !== undefined && !DIGEST_PATTERN.test(digest))) {
    throw new UsageError(`${JSON.stringify(text)} is not the name of a gate: ${FORMS}`);
  }
  const matches = globMatcher(glob);
  return {
    text,
    matches: ({ registry, repository, digest: image }) =>
      matches(repository) && (digest === undefined || digest === image) && (!isHost || isAt(host, registry)),
  };
}

/** Opens the selected gates, after showing them. */
export async function releaseGates(release: Release): Promise<ExitCode> {
  const { terminal, stack, label, clients, selection, now, dryRun = false, yes, printJson = () => {} } = release;
  if (!(await isKnown(clients, selection))) {
    throw new UsageError(`${label} has no gate ${selection.text}: it never closed a gate with this name; ${FORMS}`);
  }
  const closed = unfinishedOf(await loadGates(clients, selection.matches));
  const gates = gatesOf(closed);
  const nameOf = gateNames(gates);
  const rules = await loadRules(clients, now());
  const modes = closed.onRecord.map(({ client, record }) => rules.get(client)?.of(record.gate).mode ?? 'enforce');
  const paused = [...rules.values()].every(({ suspended }) => suspended === 'pause');
  const answer = (openings?: Openings) => printJson({ stack, dryRun, paused, gates: gatesJson(closed, openings) });
  if (gates.length === 0) {
    answer();
    terminal.print(`No closed gate of ${label} matches ${selection.text}: there is nothing to do.`);
    return 0;
  }
  terminal.print(`${countOf(closed)} of ${label} will be opened regardless of the findings:\n`);
  printGates(closed, terminal, nameOf);
  terminal.print(`\n${whatComesNext(release, paused ? ['pause'] : modes)}`);
  if (dryRun) {
    answer();
    terminal.print(DRY_RUN);
    return 0;
  }
  if (!yes && !(await agreed(terminal, `Open ${countOf(closed)}?`))) return 2;
  terminal.print('');
  const openings: Openings = new Map();
  const open = ({ client, record }: GateOnRecord) => {
    const { suspended, of } = rules.get(client) ?? {};
    const isEnforced = of?.(record.gate).mode === 'enforce';
    return client.reconcile(record.gate, isEnforced ? 'release' : suspended, 'release');
  };
  await openEach(toOpen(closed, open), { openings, terminal, nameOf });
  answer(openings);
  for (const line of unreadLines(closed)) terminal.print(line);
  const failed = [...openings.values()].filter(({ problem }) => problem !== undefined).length;
  if (failed > 0)
    terminal.print(`\n${failed} of ${gates.length} failed: fix the cause (see above), and run this command again.`);
  return failed === 0 && closed.unread.length === 0 ? 0 : 1;
}

/** Does the stack have a record of such a gate? */
async function isKnown(clients: readonly Client[], { matches }: Selection): Promise<boolean> {
  for (const client of clients) for await (const gate of client.gates()) if (matches(gate)) return true;
  return false;
}

async function loadRules(clients: readonly Client[], now: Instant): Promise<ReadonlyMap<Client, Rules>> {
  const rules = await Promise.all(
    clients.map(async (client) => [client, await currentRules(client.settings, client.pause, now)] as const),
  );
  return new Map(rules);
}

/** Says whether the gates will stay open. Shown before the confirmation. */
function whatComesNext({ clients }: Release, modes: readonly EffectiveMode[]): string {
  if (modes.every((mode) => mode === 'pause')) return 'The stack is paused, so they stay open until the pause ends.';
  if (modes.every((mode) => mode !== 'enforce')) return 'The stack currently closes no gates, so they stay open.';
  const hours = Math.max(...clients.map(({ settings }) => settings.sweepHours));
  return (
    `The stack is not paused: the next event, or the sweep within ${counted(hours, 'hour')}, closes a gate again if it still violates the policy.\n` +
    'To keep a gate open, add an exception to the policy or run `pullgate override open IMAGE --for 4h ...`. To keep all gates open, run `pullgate pause`.'
  );
}
