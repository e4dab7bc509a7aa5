// The AWS side of a stack, with the credentials of whoever runs the command.
import { createClients } from '../aws/function/clients.ts';
import { partsOf } from '../aws/function/work.ts';
import type { Instant } from '../shared/finding.ts';
import { reconcile } from '../shared/reconcile.ts';
import { rulesOf } from '../shared/rules.ts';
import { releaseHint, type Side } from './side.ts';
import type { AwsStack } from './stack.ts';

export function awsSide(settings: AwsStack, now: () => Instant, clients = createClients(settings.region)): Side {
  const { table, pause, portsFrom } = partsOf({ settings, clients, now, log: () => {} });
  const rules = rulesOf(settings, 'pause');
  return {
    cloud: 'aws',
    pause,
    records: table.records,
    gates: () => table.gates(settings.accountId),
    open: (gate) => reconcile(releaseHint(gate), rules, portsFrom(now())),
  };
}
