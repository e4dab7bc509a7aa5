// `release --orphans`: removes statements that a `pulumi destroy` without a pause left in repository policies. The
// records are deleted, so the statements are found by their Sid.
import { type ECRClient, paginateDescribeRepositories } from '@aws-sdk/client-ecr';
import type { Clients } from '../../aws/function/clients.ts';
import { createRepositoryLock, type Snapshot } from '../../aws/function/repository-lock.ts';
import { denyStatement, STATEMENT_ID } from '../../aws/function/repository-policy.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Reading, Registry } from '../../shared/reconcile/ports.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { type ExitCode, sentenceOf, UsageError } from '../terminal/ending.ts';
import { agreed, counter, DRY_RUN, repositories, type Terminal } from '../terminal/terminal.ts';
import { plain } from '../terminal/words.ts';

export interface OrphanList {
  readonly clients: Pick<Clients, 'ecr' | 'ecrOnce'>;
  readonly terminal: Terminal;
  /** Prints the answer as data. Default: prints nothing. */
  readonly printJson?: (answer: object) => void;
}

export interface OrphanRelease extends OrphanList {
  /** The Sid of the stack's statements. */
  readonly statementId: string;
  /** Do not ask for confirmation. */
  readonly yes: boolean;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
}

const READS_AT_ONCE = 8;

type PolicyGate = Pick<Registry<Snapshot>, 'read' | 'write'>;

interface ReadRepository {
  readonly gate: Gate;
  readonly reading: Reading<Snapshot>;
}

/**
 * Removes the statements with this Sid from every repository policy of the account and region, after showing them.
 *
 * @throws UsageError if pullgate does not write such a Sid, or no region is given
 */
export async function releaseOrphans(release: OrphanRelease): Promise<ExitCode> {
  const { clients, statementId, terminal, yes, dryRun = false } = release;
  // A mistyped Sid must not remove another statement.
  if (!STATEMENT_ID.test(statementId)) {
    throw new UsageError(
      `--orphans ${statementId}: pullgate does not write such a Sid. Its Sids look like Pullgate0123abcd4567: "Pullgate" and 12 hexadecimal digits.\n` +
        '`pullgate release --orphans` lists the Sids in the policies of the repositories.',
    );
  }
  const region = await regionOf(clients.ecr);
  const gates = locksUnder(statementId, clients);
  const closed = (await readAll(clients.ecr, gates)).filter(({ reading }) => reading.lock !== 'absent');
  const answers: { repository: string; problem?: string | undefined }[] = [];
  const printJson = () => release.printJson?.({ statementId, region, dryRun, repositories: answers });
  if (closed.length === 0) {
    printJson();
    terminal.print(`No repository in ${region} has a statement with the Sid ${statementId}: there is nothing to do.`);
    return 0;
  }
  terminal.print(
    `The statement ${statementId} closes ${repositories(closed.length)} in ${region}. It will be removed from the repository policies:\n`,
  );
  for (const { gate } of closed) terminal.print(`  ${gate.repository}`);
  if (dryRun) {
    answers.push(...closed.map(({ gate: { repository } }) => ({ repository })));
    printJson();
    terminal.print(DRY_RUN);
    return 0;
  }
  if (!yes && !(await agreed(terminal, `Open ${repositories(closed.length)}?`))) return 2;
  terminal.print('');
  let failed = 0;
  const count = counter(closed.length);
  for (const one of closed) {
    const problem = await openOne(one, gates);
    answers.push({ repository: one.gate.repository, problem });
    if (problem !== undefined) failed++;
    terminal.print(`  ${count()}  ${problem === undefined ? 'opened' : 'REFUSED'}  ${one.gate.repository}`);
    if (problem !== undefined) terminal.print(`      ${plain(problem)}`);
  }
  printJson();
  terminal.print(
    failed === 0
      ? `\n${statementId} no longer closes any repository.`
      : `\n${repositories(failed)} could not be opened: fix the cause (see above), and run this command again.`,
  );
  return failed === 0 ? 0 : 1;
}

/** Lists the Sids that look like pullgate's, with the repositories that each closes. Changes nothing. */
export async function listOrphans({ clients, terminal, printJson }: OrphanList): Promise<ExitCode> {
  const region = await regionOf(clients.ecr);
  const repositoriesOf = new Map<string, string[]>();
  for (const { gate, reading } of await readAll(clients.ecr, locksUnder('', clients)))
    for (const sid of new Set(reading.otherLocks))
      repositoriesOf.set(sid, [...(repositoriesOf.get(sid) ?? []), gate.repository]);
  const found = [...repositoriesOf].toSorted(([one], [other]) => (one < other ? -1 : 1));
  printJson?.({ region, statements: found.map(([statementId, closed]) => ({ statementId, repositories: closed })) });
  if (found.length === 0) {
    terminal.print(`No repository in ${region} has a statement of pullgate.`);
    return 0;
  }
  terminal.print(`Statements of pullgate in ${region}:\n`);
  for (const [sid, closed] of found) terminal.print(`  ${sid}  closes ${repositories(closed.length)}`);
  terminal.print(
    '\nA deployment that still exists has its Sid in the output `aws.statementId`. To remove the statements of one that does not, run `pullgate release --orphans SID`.',
  );
  return 0;
}

/** The locks with this Sid. To read or remove a statement, its other parts need not be known. */
function locksUnder(statementId: string, clients: OrphanList['clients']): PolicyGate {
  const ours = denyStatement({ statementId, partition: '', accountId: '', roleArn: '', exemptPrincipals: [] });
  return createRepositoryLock(clients, undefined, ours);
}

async function regionOf(ecr: ECRClient): Promise<string> {
  try {
    return await ecr.config.region();
  } catch (cause) {
    throw new UsageError('no region is given: set AWS_REGION to the region of the stack', { cause });
  }
}

/** Opens a repository. Returns why it could not be opened; undefined if it is open. */
async function openOne({ gate, reading }: ReadRepository, gates: PolicyGate): Promise<string | undefined> {
  try {
    const written = await gates.write(gate, reading, 'open');
    return written.kind === 'refused' ? written.problem : undefined;
  } catch (error) {
    return sentenceOf(error);
  }
}

/** Reads the policy of every repository of the account and region, sorted by name. */
async function readAll(ecr: ECRClient, { read }: PolicyGate): Promise<readonly ReadRepository[]> {
  const all: Gate[] = [];
  for await (const page of paginateDescribeRepositories({ client: ecr, pageSize: 1000 }, {})) {
    for (const { repositoryName: repository, registryId: registry } of page.repositories ?? []) {
      if (repository !== undefined && registry !== undefined) all.push({ registry, repository });
    }
  }
  const readings = await mapConcurrently(all, READS_AT_ONCE, async (gate) => ({ gate, reading: await read(gate) }));
  return readings
    .flatMap(({ gate, reading }) => (reading === undefined ? [] : [{ gate, reading }]))
    .toSorted((a, b) => (a.gate.repository < b.gate.repository ? -1 : 1));
}
