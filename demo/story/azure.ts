// The story's Azure: a container registry and Defender for Cloud, where what closes is one image, by an attribute of
// its manifest.

import type { Graph } from '../../local/graph.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import { REGISTRY, startAzureActs } from '../acts-azure.ts';
import { check, lastDecisionIn, REPOSITORY, type StoryCloud, VULNERABILITY } from './cloud.ts';

/** Starts it, with the stack deployed. */
export async function startStoryAzure(graph: Graph): Promise<StoryCloud> {
  const acts = await startAzureActs(graph);
  const { cloud, name, scanner } = acts;
  const registry = cloud.acr.registry(REGISTRY);
  const imageOf = (tag: string) => ({ repository: REPOSITORY, digest: acts.digestOf(REPOSITORY, tag) });
  const readEnabled = (tag: string) => registry.attributes(REPOSITORY, imageOf(tag)).readEnabled;

  return {
    name,
    scanner,
    gate: 'one image, by an attribute of its manifest',
    delay: 'Defender’s scan, plus the minutes until its row is in Log Analytics',
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
        'It names the CVE by its id alone, so the severity is that of its recommendation.',
        `Defender’s event is only a request to observe the image; only the row in Log Analytics can close the gate. The row lags, so the message is retried until it is there: here at the ${ordinal(times)} observation, ${minutes} minutes later by the cloud’s clock.`,
      ];
    },
    showClosed(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), false);
      check('the repository’s readEnabled', registry.attributes(REPOSITORY).readEnabled, true);
      const { readEnabled: changed, ...others } = registry.attributes(REPOSITORY, imageOf(tag));
      const words =
        'The manifest’s attributes now. pullgate changed one (+), which blocks all pulls of the image, by any tag or digest:';
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
        `Only the image is closed: production’s pull of ${fixedTag}, in the same repository: 200. (azure.granularity: repository closes them all, as on AWS.)`,
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
      return { how: `The advisory is corrected: Defender assesses ${tag} anew, as Healthy.`, pullable: tag };
    },
    showOpen(tag) {
      check('the manifest’s readEnabled', readEnabled(tag), true);
      return 'All of the manifest’s attributes are what they were at first.';
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
