// What the commands by hand do on one cloud: they read and write a gate's record, and run one look at it, as the function does.

import type { Gate } from '../../shared/gate/record.ts';
import type { Ports, Reading, Records } from '../../shared/reconcile/ports.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { type RuleSettings, rulesOf } from '../../shared/reconcile/rules.ts';
import type { Decision, Mode, Trigger } from '../../shared/report/decision.ts';

export interface Hand {
  readonly records: Pick<Records, 'load' | 'save'>;
  /** The gate as the registry shows it; undefined where it is not there. */
  read(gate: Gate): Promise<Reading<unknown> | undefined>;
  /** Brings a gate to where its record says that it should be, without a look at what is inside. */
  look(gate: Gate, mode: Mode, command: Extract<Trigger, 'open' | 'close' | 'resume' | 'release'>): Promise<Decision>;
}

/** The same by the ports of a cloud. */
export function handOver<Snapshot>(
  settings: RuleSettings,
  records: Records,
  portsOf: (gate: Gate) => Promise<Ports<Snapshot>>,
): Hand {
  return {
    records,
    read: async (gate) => (await portsOf(gate)).registry.read(gate),
    look: async (gate, mode, command) =>
      reconcile(
        { gate, scope: [], triggers: [command], activeFindings: [] },
        rulesOf(settings, mode),
        await portsOf(gate),
      ),
  };
}
