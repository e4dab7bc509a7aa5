// Finds the gates of a simulation that stay open on AWS because they serve Lambda functions. Reads a gate as the
// function does before it closes one.

import { gateKey } from '../../shared/gate/gate.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { AWS_ACCOUNT } from '../reports/gathering.ts';
import type { Client } from '../stack/client.ts';
import { type GateOutcome, type Simulation, worstGateFirst } from './simulation.ts';

const READS_AT_ONCE = 8;

/** The simulation, and why the result of the function may differ. */
export interface WithLambda {
  readonly simulation: Simulation;
  readonly notes: readonly string[];
}

/**
 * Reads the repositories that would close, and marks those as open that the function would keep open.
 *
 * @param read reads the gate of a repository; only its policy is read
 */
export async function keepLambdaOpen(simulation: Simulation, read: Client['read']): Promise<WithLambda> {
  const waiting = new Set<string>();
  const unread: string[] = [];
  const closing = simulation.gates.filter(({ gate, outcome, change }) => {
    const isClosed = outcome === 'closes' || change === 'closes' || change === 'opens' || change === 'staysClosed';
    return AWS_ACCOUNT.test(gate.registry) && isClosed;
  });
  await mapConcurrently(closing, READS_AT_ONCE, async ({ gate }) => {
    try {
      const reading = await read(gate);
      // A gate that is already closed stays closed.
      if (reading?.inUse !== undefined && reading.lock === 'absent') waiting.add(gateKey(gate));
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AccessDeniedException') throw error;
      unread.push(gate.repository);
    }
  });
  const gates = simulation.gates.map((gate) => (waiting.has(gateKey(gate.gate)) ? keptOpen(gate) : gate));
  return {
    simulation: { ...simulation, gates: gates.toSorted(worstGateFirst) },
    notes: unread.length === 0 ? [] : [unreadNote(unread.toSorted())],
  };
}

function keptOpen(gate: GateOutcome): GateOutcome {
  const isOpen = { outcome: 'open', waitingFor: 'inUse' } as const;
  return { ...gate, ...isOpen, change: gate.change === undefined ? undefined : 'staysOpen' };
}

function unreadNote(repositories: readonly string[]): string {
  const [first, ...others] = repositories;
  const which = others.length === 0 ? first : `${first} and ${others.length} more`;
  return `could not check whether ${which} serves Lambda functions (you need ecr:GetRepositoryPolicy): a repository that does stays open unless aws.closeLambdaRepositories is true`;
}
