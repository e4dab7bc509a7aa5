// `release --orphans` on Azure: opens what a `pulumi destroy` without a pause left locked. A lock carries no mark and
// the records are deleted, so a log of the function or the user says which locks were pullgate's.
import { readFile } from 'node:fs/promises';
import type { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import { DefaultAzureCredential } from '@azure/identity';
import { createAttributeLock } from '../../azure/function/attribute-lock.ts';
import { createRegistryClients } from '../../azure/function/clients.ts';
import { unlessAbsent } from '../../azure/function/images.ts';
import { registryIn } from '../../azure/function/registry-id.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { ACR, isAt } from '../stack/image-name.ts';
import { type ExitCode, roleMissing, sentenceOf, UsageError } from '../terminal/ending.ts';
import { agreed, columns, counter, DRY_RUN, gateCount, type Terminal } from '../terminal/terminal.ts';
import { gateNames, plain } from '../terminal/words.ts';
import { closedInLog } from './closed-in-log.ts';
import type { Selection } from './release.ts';

export interface AzureOrphanRelease {
  /** The registries, by login server or Resource Manager id, separated by commas. */
  readonly registries: string;
  /** A file with the function's log. Default: the log is not known. */
  readonly log: string | undefined;
  /** Which of the locked gates to open. Default: those that the log names. */
  readonly selection: Selection | undefined;
  readonly terminal: Terminal;
  /** Do not ask for confirmation. */
  readonly yes: boolean;
  /** Show what would be done, and change nothing. */
  readonly dryRun: boolean;
  /** Prints the answer as data. Default: prints nothing. */
  readonly printJson?: (answer: object) => void;
}

const ROLE = `Contributor on the registry (in the role assignment mode abac, Container Registry Repository Contributor and Container Registry Repository Catalog Lister)`;
const REPOSITORIES_AT_ONCE = 8;

interface Locked {
  readonly client: ContainerRegistryClient;
  readonly gate: Gate;
  /** Does the log say that pullgate closed it? Undefined without a log. */
  readonly inLog: boolean | undefined;
}

/** Lists everything in the registries that may not be read, and opens what the log and the selection name. */
export async function releaseAzureOrphans(release: AzureOrphanRelease): Promise<ExitCode> {
  const { registries, selection, log, terminal, yes, dryRun, printJson = () => {} } = release;
  const closed = log === undefined ? undefined : closedInLog(await readLog(log));
  const locked = await findLocked(registries, closed);
  const chosen = locked.filter(({ gate, inLog }) =>
    selection === undefined ? inLog === true : inLog !== false && selection.matches(gate),
  );
  const nameOf = gateNames(locked.map(({ gate }) => gate));
  const problems: Problems = new Map();
  const answer = () => printJson({ dryRun, locked: locked.map((one) => toJson(one, chosen, problems)) });
  printLocked(locked, terminal, nameOf);
  if (chosen.length === 0 || dryRun) {
    answer();
    terminal.print(chosen.length === 0 ? nothingChosen(locked.length) : DRY_RUN);
    return 0;
  }
  if (!yes && !(await agreed(terminal, `Open ${gateCount(chosen.map(({ gate }) => gate))}?`))) return 2;
  terminal.print('');
  const next = counter(chosen.length);
  for (const one of chosen) {
    const problem = await open(one);
    if (problem !== undefined) problems.set(one, problem);
    terminal.print(`  ${next()}  ${problem === undefined ? 'opened' : 'FAILED'}  ${nameOf(one.gate)}`);
    if (problem !== undefined) terminal.print(`      ${plain(problem)}`);
  }
  answer();
  return problems.size === 0 ? 0 : 1;
}

/** Why gates could not be opened. */
type Problems = Map<Locked, string>;

function toJson(one: Locked, chosen: readonly Locked[], problems: Problems): object {
  return { ...one.gate, inLog: one.inLog, chosen: chosen.includes(one), problem: problems.get(one) };
}

async function readLog(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`--log ${file} cannot be read (${sentenceOf(cause)})`, { cause });
  }
}

/** Everything in the registries that may not be read, sorted by name. */
async function findLocked(registries: string, closed: readonly Gate[] | undefined): Promise<readonly Locked[]> {
  const sdk = createRegistryClients(new DefaultAzureCredential());
  const lists = registries.split(',').map(async (registry) => {
    const host = await hostOf(registry.trim(), sdk.describeRegistry);
    const client = sdk.registry(host);
    const gates = await lockedIn(client, host.split('.', 1)[0] ?? '');
    return gates.map((gate): Locked => ({ client, gate, inLog: closed?.some((one) => isSame(host, one, gate)) }));
  });
  const found = await Promise.all(lists).catch((cause: unknown) => {
    const status = isRestError(cause) ? cause.statusCode : undefined;
    if (status !== 401 && status !== 403) throw cause;
    throw new UsageError(roleMissing('the registry', status, ROLE), { cause });
  });
  return found.flat().toSorted((a, b) => (gateKey(a.gate) < gateKey(b.gate) ? -1 : 1));
}

type DescribeRegistry = ReturnType<typeof createRegistryClients>['describeRegistry'];

async function hostOf(registry: string, describeRegistry: DescribeRegistry): Promise<string> {
  if (ACR.test(registry.toLowerCase())) return registry.toLowerCase();
  const id = registryIn(registry);
  const { loginServer } = id === undefined ? {} : await describeRegistry(id);
  if (loginServer !== undefined) return loginServer;
  throw new UsageError(
    `--orphans ${registry}: expected the login server (NAME.azurecr.io) or the Resource Manager id of a registry; separate several with commas`,
  );
}

/** Reads the lock of each repository, and those of its manifests. */
async function lockedIn(client: ContainerRegistryClient, registry: string): Promise<readonly Gate[]> {
  const names: string[] = [];
  for await (const name of client.listRepositoryNames()) names.push(name);
  const gates = await mapConcurrently(names, REPOSITORIES_AT_ONCE, async (repository) => {
    const locked: Gate[] = [];
    const whole = client.getRepository(repository);
    // A repository can be deleted in the meantime.
    if ((await unlessAbsent(whole.getProperties()))?.canRead === false) locked.push({ registry, repository });
    await unlessAbsent(
      (async () => {
        for await (const { digest, canRead } of whole.listManifestProperties())
          if (canRead === false) locked.push({ registry, repository, digest });
      })(),
    );
    return locked;
  });
  return gates.flat();
}

/** Does the gate in the log, whose registry has a Resource Manager id, belong to this host and have this name? */
function isSame(host: string, { registry, repository, digest }: Gate, gate: Gate): boolean {
  return isAt(host, registry) && repository === gate.repository && digest === gate.digest;
}

function printLocked(locked: readonly Locked[], { print }: Terminal, nameOf: (gate: Gate) => string): void {
  if (locked.length === 0) return;
  print(`${gateCount(locked.map(({ gate }) => gate))} cannot be pulled, because readEnabled is false:\n`);
  const marks = { true: 'closed by pullgate, according to the log', false: 'not in the log', undefined: '' };
  for (const line of columns(locked.map(({ gate, inLog }) => [nameOf(gate), marks[`${inLog}`]]))) print(`  ${line}`);
}

function nothingChosen(locked: number): string {
  return locked === 0
    ? 'Nothing in the registries is locked against pulls: there is nothing to do.'
    : '\nNothing was changed. To choose what to open, give --log FILE, a file with the log of the function, or a repository, a glob or an image: `pullgate release GATE --orphans REGISTRY`.';
}

/** Opens a gate. Returns why it could not be opened. */
async function open({ client, gate }: Locked): Promise<string | undefined> {
  try {
    const snapshot = { readEnabled: false };
    const written = await createAttributeLock(client).write(gate, { snapshot }, 'open');
    if (written.kind === 'written') return undefined;
    if (written.kind === 'overtaken') return 'it was deleted or locked again in the meantime: run this command again';
    const isDenied = written.status === 401 || written.status === 403;
    return isDenied ? roleMissing('the registry', written.status, ROLE) : written.problem;
  } catch (error) {
    return sentenceOf(error);
  }
}
