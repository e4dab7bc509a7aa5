// The Azure side of a stack, with the credentials of whoever runs the command.
import { isRestError } from '@azure/core-rest-pipeline';
import { DefaultAzureCredential } from '@azure/identity';
import { createClients } from '../../azure/function/clients.ts';
import { partsOf } from '../../azure/function/invocation.ts';
import { registryIn } from '../../azure/function/parse.ts';
import type { AzureRegistry } from '../../azure/function/registry.ts';
import { sweepPortsOf } from '../../azure/function/sweep.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { rulesOf } from '../../shared/reconcile/rules.ts';
import { LOCKS_ROLE, roleMissing, sentenceOf, UsageError } from '../terminal/ending.ts';
import { azureFinder } from './azure-find.ts';
import { releaseHint, type Side } from './side.ts';
import type { AzureStack } from './stack.ts';

export function azureSide(
  settings: AzureStack,
  now: () => Instant,
  clients = createClients(settings, new DefaultAzureCredential()),
): Side {
  const worker = { settings, clients, now };
  const parts = partsOf(worker);
  const { table, pause, portsFrom, queue, registryOfStack } = parts;
  const rules = rulesOf(settings, 'pause');
  const sweepPorts = sweepPortsOf(worker, parts, rules, () => {});
  const finder = azureFinder(settings, clients, parts);

  /** The stack's registry with this id. */
  async function registryWith(id: string): Promise<AzureRegistry> {
    const named = registryIn(id);
    const registry = named === undefined ? undefined : await registryOfStack(named);
    if (registry !== undefined) return registry;
    throw new Error(
      `the registry ${id} is not one of the stack's any more: add it to pullgate:azure.registries, run \`pulumi up\`, and then this command again`,
    );
  }

  return {
    cloud: 'azure',
    pause,
    records: table.records,
    gates: () => table.gates(),
    async open(gate) {
      const registry = await registryWith(gate.registry);
      const ignore = () => {};
      const ports = portsFrom(now(), registry, ignore);
      const notify: typeof ports.notify = async (to, notice) => {
        try {
          await ports.notify(to, notice);
        } catch (cause) {
          throw new Error(sentenceOf(cause), { cause });
        }
      };
      const decision = await reconcile(releaseHint(gate), rules, { ...ports, notify });
      return { ...decision, problem: decision.problem === undefined ? undefined : problemHere(decision.problem) };
    },

    settings,
    sweep: table.row('sweep'),
    brake: table.row('brake'),
    deadLetters: () => queue.buried(),
    blindness: () => explained(sweepPorts.blindness()),
    repositoriesWithFindings: () => explained(sweepPorts.repositoriesWithFindings()),
    find: finder.find,
    obstacles: finder.obstacles,
    async look(gate, blockers, also = []) {
      const port = (await registryWith(gate.registry)).port();
      const known = [...blockers.map(({ digest }) => digest), ...also];
      return { looks: await explained(port.observe(gate, 'all', [...new Set(known)])) };
    },
    async scans(gate, digests) {
      return (await registryWith(gate.registry)).port().scans(gate, digests);
    },
  };
}

/** Where Log Analytics refuses: the role that is missing is another than the registry's. */
async function explained<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    const status = isRestError(cause) && isOfWorkspace(cause.request?.url) ? cause.statusCode : undefined;
    if (status !== 401 && status !== 403) throw cause;
    throw new UsageError(roleMissing('Log Analytics', status, WORKSPACE_ROLE), { cause });
  }
}

const WORKSPACE_ROLE = "Log Analytics Reader on the stack's workspace";

function isOfWorkspace(url: string | undefined): boolean {
  return url !== undefined && /[.]loganalytics[.]/.test(new URL(url).host);
}

/** Its words are meant for the function's log. Here it is not the function that lacks a role. */
function problemHere(problem: string): string {
  const [, status] = /\((401|403): /.exec(problem) ?? [];
  return status === undefined ? problem : roleMissing('the registry', Number(status), LOCKS_ROLE);
}
