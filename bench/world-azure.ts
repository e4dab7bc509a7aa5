// The bench's stack on the local Azure: a gate is an image.
import type { Cve, Package } from '../local/azure/assessment.ts';
import { startAzure } from '../local/azure/cloud.ts';
import { readResources } from '../local/azure/resources.ts';
import { graphOf } from '../local/graph.ts';
import { checkWorked, type DeployOptions, findingsOf, LOOSE, type World } from './world.ts';

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';
const SWEEP_HOURS = 6;
const HOUR_MILLISECONDS = 3_600_000;

export const AZURE_CONFIG = {
  'azure-native:location': 'westeurope',
  'pullgate:clouds': ['azure'],
  'pullgate:azure': { registries: [REGISTRY] },
  'pullgate:notifyEmails': ['security@example.com'],
  'pullgate:sweepHours': SWEEP_HOURS,
};

export interface AzureDeployOptions extends DeployOptions {
  /** How long after its event a row can be read, in minutes. Default: 0. */
  readonly rowsAreLateMinutes?: number;
}

export async function deployAzure({
  maxClosesPerHour = LOOSE,
  rowsAreLateMinutes = 0,
}: AzureDeployOptions = {}): Promise<World> {
  const graph = await graphOf({ ...AZURE_CONFIG, 'pullgate:maxClosesPerHour': maxClosesPerHour });
  const cloud = await startAzure(graph);
  cloud.workspace.ingestionDelayMilliseconds = rowsAreLateMinutes * 60_000;
  const registry = cloud.acr.registry(REGISTRY);
  const work: World['work'] = async (first) => {
    if (first !== undefined) await cloud.host.kill();
    if (first === 'sweep') cloud.clock.advance(SWEEP_HOURS * HOUR_MILLISECONDS);
    const fired = first === undefined ? [] : [await cloud.fireTimer('tick')];
    const invocations = [...fired, ...(await cloud.runUntilIdle({ advance: true }))];
    const outcomes = invocations.map(({ outcome }) => outcome);
    checkWorked(outcomes, cloud.poisonQueue.messages().length, cloud.logs.at(-1)?.text);
    return invocations;
  };
  await work('tick');
  cloud.calls.reset();
  return {
    memoryMegabytes: readResources(graph).app.memoryMegabytes,
    async fill(size) {
      const hear = cloud.faults.addToBus({ kind: 'lose', to: 'LogicApp' });
      const found = await findingsOf(size, async (repository, tag, violates) => {
        const digest = registry.push(repository, { tag, content: `${repository}:${tag}` });
        const ids: string[] = [];
        for (let number = 0; number < size.findingsEach; number++) {
          const reported = { package: packageOf(number), cves: [cveOf(number, violates)] };
          ids.push(...(await cloud.defender.assess({ registry: REGISTRY, repository, digest, ...reported })));
        }
        return ids;
      });
      hear();
      return found;
    },
    report: (findings) => cloud.defender.setStatus(findings, 'Unhealthy'),
    work,
    // Those of the Logic App, and the host's own of the queue, are not the function's.
    count: () => cloud.calls.count(cloud.identity.id),
    reset: () => cloud.calls.reset(),
    closed: () =>
      [...registry.repositories.values()]
        .flatMap(({ manifests }) => [...manifests.values()])
        .filter(({ attributes }) => !attributes.readEnabled).length,
    stop: () => cloud.stop(),
  };
}

function packageOf(number: number): Package {
  return { name: `package-${number}`, version: '1.0.0', fixedVersion: '1.0.1' };
}

function cveOf(number: number, violates: boolean): Cve {
  const severity = number % 2 === 0 ? 'Critical' : 'High';
  return { id: `CVE-2026-${100_000 + number}`, severity: violates ? severity : 'Low', score: violates ? 9.8 : 3.1 };
}
