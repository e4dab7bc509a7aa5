// Orders by hand on AWS, with the credentials of whoever runs the command.
import { createClients } from '../../aws/function/clients.ts';
import { partsOf } from '../../aws/function/invocation.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { AwsStack } from '../stack/stack.ts';
import { type Hand, handOver } from './side.ts';

export function awsHand(settings: AwsStack, now: () => Instant, clients = createClients(settings.region)): Hand {
  const { table, portsFrom } = partsOf({ settings, clients, now, log: () => {} });
  return handOver(settings, table.records, async () => portsFrom(now()));
}
