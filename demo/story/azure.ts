// The story on Azure, with ACR and Defender for Cloud: a gate is one image, and an attribute of its manifest closes it.

import type { Graph } from '../../local/graph.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import { REGISTRY, startAzureActs } from '../acts-azure.ts';
import { check, lastDecisionIn, REPOSITORY, type StoryCloud, VULNERABILITY } from './cloud.ts';

/** Starts the cloud, with the stack deployed. */
export async function startStoryAzure(graph: Graph): Promise<StoryCloud> {
  const acts = await startAzureActs(graph);
  const { cloud, name, scanner } = acts;
  const registry = cloud.acr.registry(REGISTRY);
  const imageOf = (tag: string) => ({ repository: REPOSITORY, digest: acts.digestOf(REPOSITORY, tag) });
  const readEnabled = (tag: string) => registry.attributes(REPOSITORY, imageOf(tag)).readEnabled;

  return {
    name,
    scanner,
    gate: 'Each image is a gate. An attribute of its manifest closes it.',
    delay: 'Defender’s scan plus the minutes until its row reaches Log Analytics',
    typePrefix: 'azure-native:',
    createRepository: () => [],
    push: (tag, content) => acts.push(REPOSITORY, tag, content),
    pull: (tag) => acts.pull(REPOSITORY, tag),
    async scanFinds(tag) {
      const before = cloud.clock.now().getTime();
      await acts.report(imageOf(tag), [VULNERABILITY]);
      const { length: times } = await cloud.runUntilIdle({ advance: true });
      const minutes = Math.round((cloud.clock.now().getTime() - before) / MINUTE_MILLISECONDS);
      return [
        'It lists the CVE without a severity, so pullgate uses the severity of the recommendation.',
        `Defender’s event only triggers an observation; only the row in Log Analytics can close the gate. The row arrives later, so the message is retried until then: here until the ${ordinal(times)} observation, after ${minutes} minutes on the cloud’s clock.`,
      ];
    },
    showClosed(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), false);
      check('the repository’s readEnabled', registry.attributes(REPOSITORY).readEnabled, true);
      const { readEnabled: changed, ...others } = registry.attributes(REPOSITORY, imageOf(tag));
      const words =
        'The manifest’s attributes now. pullgate changed one (+), which blocks all pulls of the image, by tag or by digest:';
      return [
        { kind: 'text', text: words },
        { kind: 'kept', value: others },
        { kind: 'added', value: { readEnabled: changed } },
      ];
    },
    async whatStaysPossible(closedTag, fixedTag) {
      check(`production’s pull of ${fixedTag}`, (await acts.pull(REPOSITORY, fixedTag)).status, 200);
      check(`${closedTag} is closed`, readEnabled(closedTag), false);
      return [
        `Only the image ${closedTag} is closed. Production’s pull of ${fixedTag} from the same repository: 200. (azure.granularity: repository would close the whole repository, as on AWS.)`,
      ];
    },
    async forgetFinding(tag) {
      const how = await acts.forget(imageOf(tag));
      await acts.runUntilIdle();
      return how;
    },
    async prove(tag) {
      await acts.scanClean(imageOf(tag));
      await acts.runUntilIdle();
      return { how: `The advisory is corrected, and Defender reassesses ${tag} as Healthy.`, pullable: tag };
    },
    showOpen(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), true);
      return 'All attributes of the manifest have their original values.';
    },
    redeploy: acts.redeploy,
    lastDecision: () => lastDecisionIn(cloud.logs),
    lastMail() {
      const mail = cloud.mails.at(-1);
      return mail === undefined ? undefined : { subject: mail.subject, text: mail.plainText ?? '', at: mail.at };
    },
    stop: acts.stop,
  };
}

function ordinal(times: number): string {
  return ['', 'first', 'second', 'third', 'fourth'][times] ?? `${times}th`;
}
