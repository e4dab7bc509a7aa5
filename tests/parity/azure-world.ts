// Azure as a world of the parity tests: Defender's assessments, one per package, and repository or image gates.
import { TableClient } from '@azure/data-tables';
import { createTable } from '../../azure/function/records.ts';
import type { Cve } from '../../local/azure/assessment.ts';
import { startAzure } from '../../local/azure/cloud.ts';
import type { Graph } from '../../local/graph.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import { messagesIn } from '../mail-subjects.ts';
import { grouped, type Line, SECOND_MILLISECONDS, TICK_HOURS, type Vulnerability, type World } from './world.ts';

export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';

export async function startAzureWorld(name: Exclude<World['name'], 'AWS'>, graph: Graph): Promise<World> {
  const cloud = await startAzure(graph);
  // Only Azure's rows arrive later than events, and Azure's own tests cover that.
  cloud.workspace.ingestionDelayMilliseconds = 0;
  const registry = cloud.acr.registry(REGISTRY);
  const puller = cloud.oci(cloud.principals.add('deployment', [{ role: 'AcrPull', scope: REGISTRY }]));
  const operator = cloud.principals.add('operator', [
    { role: 'Storage Table Data Contributor', scope: cloud.table.id },
  ]);
  const table = createTable(new TableClient(cloud.table.url, cloud.table.name, operator, cloud.clientOptions));
  const pause = table.row('pause');
  const assessed = new Map<string, Set<string>>();
  const startedAt = cloud.clock.now();
  let ticks = 0;

  return {
    name,
    registry: REGISTRY,
    push: async (repository, options) => registry.push(repository, options),
    pushIndex: async (repository, options) => registry.pushIndex(repository, options),
    async pushSignature(repository, options) {
      registry.push(repository, { ...options, artifactType: 'application/vnd.example.signature' });
    },
    tag: async (...given) => registry.tag(...given),
    untag: async (...given) => registry.untag(...given),
    deleteImage: async (...given) => registry.delete(...given),
    deleteRepository: async (repository) => registry.deleteRepository(repository),
    async report(repository, digest, vulnerabilities) {
      cloud.clock.advance(SECOND_MILLISECONDS);
      const known = assessed.get(`${repository}@${digest}`) ?? new Set();
      assessed.set(`${repository}@${digest}`, known);
      for (const found of grouped(vulnerabilities, (one) => one.package.name)) {
        const ids = await cloud.defender.assess({ registry: REGISTRY, repository, digest, ...assessmentOf(found) });
        for (const id of ids) known.add(id);
      }
    },
    async forget(repository, digest) {
      cloud.clock.advance(SECOND_MILLISECONDS);
      await cloud.defender.remove([...(assessed.get(`${repository}@${digest}`) ?? [])]);
      const isOf = (row: object) => {
        const text = JSON.stringify(row);
        return text.includes(digest) && text.includes(repository);
      };
      cloud.workspace.forgetRows(isOf);
    },
    async removeLock(repository) {
      registry.setAttributes(repository, { readEnabled: true });
      for (const digest of registry.repositories.get(repository)?.manifests.keys() ?? [])
        registry.setAttributes(repository, { readEnabled: true }, { digest });
    },
    async setPause(paused) {
      const { version } = await pause.load();
      await pause.save({ paused, at: cloud.clock.now().toISOString(), by: 'operator' }, version);
    },
    deploy: (next) => cloud.deploy(next),
    // Events wait two minutes for others of their burst.
    runUntilIdle: async () => void (await cloud.runUntilIdle({ advance: true })),
    async tick() {
      ticks += 1;
      const at = startedAt.getTime() + ticks * TICK_HOURS * HOUR_MILLISECONDS;
      cloud.clock.advance(at - cloud.clock.now().getTime());
      // The second tick delivers the notices.
      for (let times = 0; times < 2; times++) {
        await cloud.fireTimer('tick');
        await cloud.runUntilIdle();
      }
    },
    async pull(repository, reference) {
      const { status, message } = await puller.pull(registry, repository, reference);
      if (status === 200) return 'pulled';
      if (status === 405 || status === 404) return 'refused';
      throw new Error(`a pull of ${repository}:${reference} was answered with ${status}: ${message}`);
    },
    decisions: () => linesOf(cloud.logs, 'decision'),
    mails: () => cloud.mails.flatMap(messagesIn),
    startedAt,
    now: () => cloud.clock.now(),
    troubles: () => [
      ...cloud.gaps.map((gap) => `the local cloud lacks: ${gap}`),
      ...cloud.poisonQueue.messages().map(({ text }) => `poison: ${Buffer.from(text, 'base64').toString('utf8')}`),
      ...['failed', 'refused', 'retried', 'notice'].flatMap((kind) =>
        linesOf(cloud.logs, kind).map((line) => JSON.stringify(line)),
      ),
    ],
    stop: cloud.stop,
  };
}

function linesOf(logs: readonly { readonly json: Line | undefined }[], kind: string): readonly Line[] {
  return logs.flatMap(({ json }) => (json?.['kind'] === kind ? [json] : []));
}

/**
 * The vulnerabilities of one package as Defender reports them: one assessment, which is exempt as a whole or not at
 * all.
 */
function assessmentOf(vulnerabilities: readonly Vulnerability[]) {
  const [first] = vulnerabilities;
  if (first === undefined) throw new Error('an assessment needs at least one vulnerability');
  const suppressed = vulnerabilities.filter((one) => one.suppressed === true).length;
  if (suppressed > 0 && suppressed < vulnerabilities.length)
    throw new Error(
      `Defender exempts all vulnerabilities of a package or none; given ${suppressed} of ${vulnerabilities.length}`,
    );
  const status = suppressed > 0 ? ('NotApplicable' as const) : ('Unhealthy' as const);
  // Inspector's reports have no severity, so an unknown severity stays unknown on both clouds.
  return {
    package: first.package,
    cves: vulnerabilities.map(cveOf),
    details: 'rich' as const,
    severity: 'Unknown',
    status,
  };
}

function cveOf({ id, severity, score, fix, exploited, epss, disclosedAt, aliases, link }: Vulnerability): Cve {
  return {
    id,
    severity: severity.charAt(0).toUpperCase() + severity.slice(1),
    ...(score === undefined ? {} : { score }),
    ...fixOf(fix),
    ...(exploited === undefined ? {} : { isInExploitKit: exploited }),
    ...(epss === undefined ? {} : { epss }),
    ...(disclosedAt === undefined ? {} : { publishedAt: disclosedAt }),
    ...(aliases === undefined ? {} : { additionalIdentifiers: aliases }),
    ...(link === undefined ? {} : { link }),
  };
}

function fixOf(fix: Vulnerability['fix']): Pick<Cve, 'fixStatus' | 'fixedVersion'> {
  if (typeof fix === 'object') return { fixStatus: 'FixAvailable', fixedVersion: fix.version };
  return { fixStatus: fix === 'none' ? 'NoFix' : 'Unknown' };
}
