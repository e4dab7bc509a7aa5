// When `pulumi destroy` came before `release`: the table is gone, and the statements are still there. They are found by their mark.
import { type ECRClient, paginateDescribeRepositories } from '@aws-sdk/client-ecr';
import { policyGateOf, type Snapshot } from '../aws/function/policy-gate.ts';
import { denyStatement } from '../aws/function/repository-policy.ts';
import type { Reading } from '../shared/ports.ts';
import type { Gate } from '../shared/record.ts';
import type { ExitCode } from './release.ts';
import type { Terminal } from './terminal.ts';

export interface OrphanRelease {
  readonly ecr: ECRClient;
  /** The Sid of the stack's statements. */
  readonly statementId: string;
  readonly terminal: Terminal;
  /** Do not ask first. */
  readonly yes: boolean;
}

/** Takes the statements with this Sid out of every repository's policy of the account and region, after showing them. */
export async function releaseOrphans({ ecr, statementId, terminal, yes }: OrphanRelease): Promise<ExitCode> {
  // Only the mark counts for taking a statement away: what else it said is not known any more.
  const anyOfOurs = denyStatement({ statementId, partition: '', accountId: '', roleArn: '', exemptPrincipals: [] });
  const gates = policyGateOf(ecr, undefined, anyOfOurs);
  const closed = await closedGates(ecr, gates.read);
  if (closed.length === 0) {
    terminal.print(`No repository of this account and region has a statement with the Sid ${statementId}.`);
    return 0;
  }
  terminal.print(
    `The statement ${statementId} closes ${closed.length} repositories. It will be taken out of their policies:\n`,
  );
  for (const { gate } of closed) terminal.print(`  ${gate.repository}`);
  if (!yes && (await terminal.ask('\nOpen them? Type "yes": ')) !== 'yes') {
    terminal.print('\nNothing was changed. (In a script, say --yes.)');
    return 2;
  }
  let refused = 0;
  for (const { gate, reading } of closed) {
    const written = await gates.write(gate, reading, 'open');
    if (written.kind === 'refused') refused++;
    terminal.print(written.kind === 'refused' ? `  REFUSED  ${written.problem}` : `  opened  ${gate.repository}`);
  }
  return refused === 0 ? 0 : 1;
}

interface ClosedGate {
  readonly gate: Gate;
  readonly reading: Reading<Snapshot>;
}

async function closedGates(
  ecr: ECRClient,
  read: (gate: Gate) => Promise<Reading<Snapshot> | undefined>,
): Promise<readonly ClosedGate[]> {
  const closed: ClosedGate[] = [];
  for await (const page of paginateDescribeRepositories({ client: ecr, pageSize: 1000 }, {})) {
    for (const { repositoryName: repository, registryId: registry } of page.repositories ?? []) {
      if (repository === undefined || registry === undefined) continue;
      const gate = { registry, repository };
      const reading = await read(gate);
      if (reading !== undefined && reading.ours !== 'absent') closed.push({ gate, reading });
    }
  }
  return closed;
}
