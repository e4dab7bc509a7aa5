// Observes every repository of a stack, and reports what is not on record.

import { isInScope, isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import type { GateRules, Rules } from '../../shared/reconcile/rules.ts';
import { countUnscanned, type Unscanned } from '../../shared/reconcile/unscanned.ts';
import type { Client, Obstacle, Unattributed } from '../stack/client.ts';
import { type ObservedRepository, observeEverything, type StackRecords } from '../stack/overview.ts';
import type { UnreadDetails } from '../stack/unread-details.ts';
import { sentenceOf } from '../terminal/ending.ts';

/** What was observed and is not on record. */
export interface LiveStatus {
  /** How many images in scope were observed. */
  readonly judgedImages: number;
  /** Images with a finding of unknown severity, which closes nothing. */
  readonly undetermined: readonly ImageStatus[];
  /**
   * Images that violate the policy and are not on record. Either their event has not arrived yet, or it was lost and
   * the next sweep finds them.
   */
  readonly missed: readonly ImageStatus[];
  /** Repositories that someone else closed. Empty on Azure, because the records contain them. */
  readonly closedByOthers: readonly { readonly repository: string; readonly obstacles: readonly Obstacle[] }[];
  /** Why the scanner cannot see all of the registry; undefined if it is healthy. */
  readonly scannerProblem: string | undefined;
  /** The images that no scan judges. Undefined if the scanner does not tell. */
  readonly unscanned: Unscanned | undefined;
  /** The reports that match no image of the stack. Undefined if there are none, or none can be. */
  readonly unattributed: Unattributed | undefined;
  /** Images that had events which the scanner's log does not confirm. */
  readonly withoutRow: readonly string[];
  /** The details of CVEs that could not be read. Undefined if all were, or none was needed. */
  readonly unreadDetails: UnreadDetails | undefined;
  readonly unsure: readonly string[];
}

export interface ImageStatus {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The advisories that are the cause. */
  readonly vulnerabilities: readonly string[];
}

export async function observeLive(
  client: Client,
  loaded: StackRecords,
  rules: Rules,
  now: () => Instant,
): Promise<LiveStatus> {
  // An image of a repository's gate is named in the same way as the gate of an image.
  const known = new Set(
    loaded.records.flatMap(({ gate, blockers }) => blockers.map(({ digest }) => gateKey({ ...gate, digest }))),
  );
  let judgedImages = 0;
  const undetermined: ImageStatus[] = [];
  const missed: ImageStatus[] = [];
  const closedByOthers: { repository: string; obstacles: readonly Obstacle[] }[] = [];
  const unsure = new Set<string>();
  await observeEverything(client, loaded, async (observed) => {
    const { gate, images, unsure: why } = observed;
    if (why !== undefined) unsure.add(`${gate.repository}: ${why}`);
    judgedImages += images.filter((image) => isInScope(image, gate.repository, rules.of(gate))).length;
    const judged = judgeImages(observed, rules.of(gate), now());
    undetermined.push(...judged.undetermined);
    missed.push(...judged.blocked.filter((image) => !known.has(gateKey(image))));
    const obstacles = (await client.repositoryObstacles(gate)).filter(({ by }) => by !== 'pullgate');
    if (obstacles.length > 0) closedByOthers.push({ repository: gate.repository, obstacles });
  });
  const { withoutRow, why } = await imagesWithoutRow(client);
  if (why !== undefined) unsure.add(why);
  return {
    judgedImages,
    undetermined: undetermined.toSorted(byName),
    missed: missed.toSorted(byName),
    closedByOthers: closedByOthers.toSorted((a, b) => (a.repository < b.repository ? -1 : 1)),
    scannerProblem: await client.scannerHealth(),
    unscanned: client.unscannedImages && countUnscanned(await client.unscannedImages(), rules.includes),
    unattributed: client.unattributed?.(),
    withoutRow,
    unreadDetails: client.unreadDetails?.(),
    unsure: [...unsure],
  };
}

/** `why`: why there may be more images than these. */
async function imagesWithoutRow(client: Client): Promise<{ withoutRow: readonly string[]; why?: string }> {
  if (client.imagesWithoutRow === undefined) return { withoutRow: [] };
  try {
    const withoutRow = await client.imagesWithoutRow();
    const { MAX_PEEKED } = await import('../stack/azure-without-row.ts');
    const messages = await client.deadLetters();
    if (messages <= MAX_PEEKED) return { withoutRow };
    const why = `images without a row: at least ${withoutRow.length}, because only ${MAX_PEEKED} of ${messages} messages in the poison queue could be read`;
    return { withoutRow, why };
  } catch (error) {
    const why = `events in the poison queue could not be compared with the rows: ${sentenceOf(error)}`;
    return { withoutRow: [], why };
  }
}

/** The images of a repository whose verdict is `undetermined` or `block`. */
function judgeImages({ gate, images }: ObservedRepository, rules: GateRules, now: Instant) {
  const undetermined: ImageStatus[] = [];
  const blocked: ImageStatus[] = [];
  for (const image of images) {
    if (image.presence === 'gone' || isPlainlyAllowed(image, gate.repository, rules, now)) continue;
    const verdict = rules.judge({ repository: gate.repository, digest: image.digest }, findingsIn(image), now);
    if (verdict.kind === 'undetermined') undetermined.push(statusOf(gate, image, verdict.undetermined));
    if (verdict.kind === 'block') {
      const violating = verdict.reasons.map(({ finding }) => finding);
      blocked.push(statusOf(gate, image, violating));
    }
  }
  return { undetermined, blocked };
}

function statusOf(
  { registry, repository }: Gate,
  { digest, tags }: Pick<ImageStatus, 'digest' | 'tags'>,
  findings: readonly Finding[],
): ImageStatus {
  const vulnerabilities = [...new Set(findings.map(({ vulnerability }) => vulnerability))];
  return { registry, repository, digest, tags, vulnerabilities };
}

function byName(a: ImageStatus, b: ImageStatus): number {
  return `${a.repository}@${a.digest}` < `${b.repository}@${b.digest}` ? -1 : 1;
}
