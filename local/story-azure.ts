// The story's Azure: a container registry and Defender for Cloud, where what closes is one image, by an attribute of its manifest.

import { startAzure } from './azure/cloud.ts';
import type { AssessOptions } from './azure/defender.ts';
import { wallClock } from './clock.ts';
import type { Graph } from './graph.ts';
import { check, lastDecisionIn, REPOSITORY, type StoryCloud, VULNERABILITY } from './story-cloud.ts';

/** The registry, which is there before the stack. */
export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries/acmeshop';
const MINUTE_MILLISECONDS = 60_000;

const ASSESSMENT: Pick<AssessOptions, 'registry' | 'repository' | 'package' | 'cves'> = {
  registry: REGISTRY,
  repository: REPOSITORY,
  package: VULNERABILITY.package,
  cves: [{ id: VULNERABILITY.id, severity: 'Critical', score: VULNERABILITY.score, link: VULNERABILITY.link }],
};

/** Starts it, with the stack deployed. */
export async function startStoryAzure(graph: Graph): Promise<StoryCloud> {
  const cloud = await startAzure(graph, { clock: wallClock() });
  const registry = cloud.acr.registry(REGISTRY);
  const as = (name: string, role: string) => cloud.oci(cloud.principals.add(name, [{ role, scope: REGISTRY }]));
  const [ci, production] = [as('ci', 'AcrPush'), as('production', 'AcrPull')];

  const imageOf = (tag: string): string => {
    const digest = registry.repositories.get(REPOSITORY)?.tags.get(tag)?.digest;
    if (digest !== undefined) return digest;
    throw new Error(`${REPOSITORY}:${tag} should be in the registry, and is not`);
  };
  const readEnabled = (tag: string) => registry.attributes(REPOSITORY, { digest: imageOf(tag) }).readEnabled;
  /** Reports an image. Answers the assessment's ids, how often the message was worked on, and over how many minutes. */
  const assess = async (tag: string, status: 'Unhealthy' | 'Healthy') => {
    const before = cloud.clock.now().getTime();
    const ids = await cloud.defender.assess({ ...ASSESSMENT, digest: imageOf(tag), tags: [tag], status });
    const { length: times } = await cloud.runUntilIdle({ advance: true });
    return { ids, times, minutes: Math.round((cloud.clock.now().getTime() - before) / MINUTE_MILLISECONDS) };
  };
  let known: readonly string[] = [];

  return {
    name: 'Azure',
    scanner: 'Defender for Cloud',
    gate: 'one image, by an attribute of its manifest',
    delay: 'Defender’s scan, plus the minutes until its row is in Log Analytics',
    typePrefix: 'azure-native:',
    createRepository: () => [],
    push: (tag, content) => ci.push(registry, REPOSITORY, tag, content),
    pull: (tag) => production.pull(registry, REPOSITORY, tag),
    async scanFinds(tag) {
      const { ids, times, minutes } = await assess(tag, 'Unhealthy');
      known = ids;
      return [
        `Defender’s event is only a hint, and nothing closes on its word: the row in Log Analytics counts. It lags, so the message comes back until the row is there: here at the ${ordinal(times)} look, ${minutes} minutes later by the cloud’s clock.`,
      ];
    },
    showClosed(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), false);
      check('the repository’s readEnabled', registry.attributes(REPOSITORY).readEnabled, true);
      const { readEnabled: changed, ...others } = registry.attributes(REPOSITORY, { digest: imageOf(tag) });
      const words =
        'The manifest’s attributes now. pullgate changed one (+): nobody pulls the image, by whatever tag or digest:';
      return [
        { kind: 'text', text: words },
        { kind: 'kept', value: others },
        { kind: 'added', value: { readEnabled: changed } },
      ];
    },
    async whatStaysPossible(closedTag, fixedTag) {
      check(`production’s pull of ${fixedTag}`, (await production.pull(registry, REPOSITORY, fixedTag)).status, 200);
      check(`${closedTag} is closed`, readEnabled(closedTag), false);
      return [
        `Only the image is closed: production’s pull of ${fixedTag}, in the same repository: 200. (azure.granularity: repository closes them all, as on AWS.)`,
      ];
    },
    async forgetFinding() {
      await cloud.defender.remove(known);
      cloud.workspace.forgetRows();
      await cloud.runUntilIdle({ advance: true });
      return 'Defender takes back its assessment of an image that nobody pulls, and in time its rows are gone too.';
    },
    async prove(tag) {
      await assess(tag, 'Healthy');
      return { how: `The advisory is corrected: Defender assesses ${tag} anew, as Healthy.`, pullable: tag };
    },
    showOpen(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), true);
      return 'All of the manifest’s attributes are what they were at first.';
    },
    async redeploy(next) {
      await cloud.deploy(next);
      await cloud.fireTimer('tick');
      await cloud.runUntilIdle({ advance: true });
    },
    lastDecision: () => lastDecisionIn(cloud.logs),
    lastMail() {
      const mail = cloud.mails.at(-1);
      return mail === undefined ? undefined : { subject: mail.subject, text: mail.plainText ?? '' };
    },
    stop: cloud.stop,
  };
}

function ordinal(times: number): string {
  return ['', 'first', 'second', 'third', 'fourth'][times] ?? `${times}th`;
}
