// A decision as one line of JSON: everything that a query or a metric needs, and nothing twice.
import type { Decision, ImageDecision } from './decision.ts';
import type { Finding } from './finding.ts';
import { summarize, weightiestFirst } from './sentences.ts';
import type { Reason, Rule, Verdict } from './verdict.ts';

/** A line of the log: its kind, and what is worth knowing. */
export type LogLine = { readonly kind: string } & Readonly<Record<string, unknown>>;

const MAX_IMAGES = 20;
const MAX_FINDINGS = 8;

/** CloudWatch takes 256 KB a line; Application Insights 32,768 characters. */
const MAX_CHARACTERS = { aws: 200_000, azure: 30_000 } as const;

/**
 * The line's content. Lists are cut, with the number of what was left out, so that a line stays below the cloud's limit; where that is not enough,
 * fewer images are told of.
 */
export function decisionLine(
  cloud: 'aws' | 'azure',
  decision: Decision,
  durationMilliseconds: number,
): Record<string, unknown> {
  const { gate, triggers, mode, images, allowed, from, to, done, problem, unconfirmed, expiredExceptions } = decision;
  const [only] = images;
  const line = (most: number) => ({
    kind: 'decision',
    cloud,
    registry: gate.registry,
    repository: gate.repository,
    digest: gate.digest ?? (images.length === 1 ? only?.digest : undefined),
    verdict: worstVerdict(images),
    done,
    from: stateWord(from),
    to: stateWord(to),
    mode,
    triggers,
    message: summarize(decision),
    images: weightiestFirst(images).slice(0, most).map(imageLine),
    ...moreOf('moreImages', images.length - most),
    allowedImages: allowed,
    problem,
    untold: decision.untold,
    ...(unconfirmed.length === 0 ? {} : { unconfirmed: unconfirmed.slice(0, MAX_FINDINGS) }),
    ...(expiredExceptions.length === 0 ? {} : { expiredExceptions: expiredExceptions.slice(0, MAX_FINDINGS) }),
    change: decision.change,
    durationMilliseconds,
  });
  let most = MAX_IMAGES;
  while (most > 1 && JSON.stringify(line(most)).length > MAX_CHARACTERS[cloud]) most = Math.floor(most / 2);
  return line(most);
}

function stateWord(state: Decision['to']): string {
  return state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind;
}

function worstVerdict(images: readonly ImageDecision[]): Verdict['kind'] {
  const kinds = images.map((image) => (image.kind === 'released' ? 'allow' : image.verdict.kind));
  if (kinds.includes('block')) return 'block';
  return kinds.includes('undetermined') ? 'undetermined' : 'allow';
}

function imageLine(image: ImageDecision): Record<string, unknown> {
  if (image.kind === 'released') return { digest: image.digest, outcome: 'released', how: image.how };
  const { digest, verdict } = image;
  const holds = image.kind === 'holds' ? { outcome: 'holds', why: image.why } : { outcome: 'none' };
  return { digest, ...holds, verdict: verdict.kind, ...verdictLine(verdict) };
}

function verdictLine(verdict: Verdict): Record<string, unknown> {
  const { spared } = verdict;
  const reasons = verdict.kind === 'block' ? verdict.reasons : [];
  const undetermined = verdict.kind === 'allow' ? [] : verdict.undetermined;
  return {
    ...cut('reasons', reasons.map(reasonLine)),
    ...cut(
      'undetermined',
      undetermined.map((finding) => ({ ...findingLine(finding), label: labelOf(finding) })),
    ),
    ...cut(
      'spared',
      spared.map(({ finding, rule }) => ({ ...findingLine(finding), ...ruleLine(rule) })),
    ),
  };
}

function reasonLine({ finding, rule, severity }: Reason): Record<string, unknown> {
  return { ...findingLine(finding), severity, rule, exploited: finding.exploited };
}

function findingLine({ vulnerability, package: found }: Finding): Record<string, unknown> {
  return { vulnerability, package: found.name, installedVersion: found.version, fixedVersion: found.fixedVersion };
}

function labelOf({ severity }: Finding): string {
  return severity.kind === 'known' ? severity.severity : severity.label;
}

function ruleLine(rule: Rule): Record<string, unknown> {
  if (rule.kind === 'exception') return { rule: rule.kind, exception: rule.exception, until: rule.exception.expiresAt };
  return { rule: rule.kind, until: rule.kind === 'grace' ? rule.until : undefined };
}

function cut(name: string, items: readonly Record<string, unknown>[]): Record<string, unknown> {
  if (items.length === 0) return {};
  const more = moreOf(`more${name.charAt(0).toUpperCase()}${name.slice(1)}`, items.length - MAX_FINDINGS);
  return { [name]: items.slice(0, MAX_FINDINGS), ...more };
}

function moreOf(name: string, count: number): Record<string, number> {
  return count > 0 ? { [name]: count } : {};
}
