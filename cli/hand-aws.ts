// Orders by hand on AWS, with the credentials of whoever runs the command.
import { createClients } from '../aws/function/clients.ts';
import { partsOf } from '../aws/function/work.ts';
import type { Instant } from '../shared/finding.ts';
import { type Hand, handOver } from './hand-side.ts';
import type { AwsStack } from './stack.ts';

export function awsHand(settings: AwsStack, now: () => Instant, clients = createClients(settings.region)): Hand {
  const { table, portsFrom } = partsOf({ settings, clients, now, log: () => {} });
  return handOver(settings, table.records, async () => portsFrom(now()));
}
