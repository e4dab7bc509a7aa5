// A decision as one line of JSON: everything that a query or a metric needs, once.

import { gateKey } from '../gate/gate.ts';
import type { Finding } from '../policy/finding.ts';
import type { Exemption, Reason, Verdict } from '../policy/verdict.ts';
import { TRIGGERS } from '../reconcile/trigger.ts';
import type { Unscanned } from '../reconcile/unscanned.ts';
import type { Decision, ImageDecision } from './decision.ts';
import { evidenceLine, labelOf } from './evidence-line.ts';
import { summarize, weightiestFirst } from './sentences.ts';

/**
 * A line of the log, by its kind. Alarms, dashboards and the queries in docs/operations.md read these fields. A line
 * can have more fields.
 */
export type LogLine = KnownFields & Readonly<Record<string, unknown>>;

type KnownFields =
  | ({ readonly kind: 'decision'; readonly message: string; readonly from: string; readonly to: string } & Pick<
      Decision,
      'action' | 'mode' | 'triggers' | 'secondsSinceFinding'
    >)
  /** A step failed. Its messages are retried. */
  | { readonly kind: 'failed'; readonly error: string }
  /** A message that cannot be parsed, or a gate that the registry refuses to change: moved to the dead-letter queue. */
  | { readonly kind: 'refused'; readonly problem: string }
  /** `noRowFor`: the image, if the scanner's log has nothing about it that confirms the event. */
  | { readonly kind: 'retried'; readonly why: string; readonly noRowFor?: string | undefined }
  | { readonly kind: 'retryDelayFailed'; readonly error: string }
  /** A message that does not concern this stack. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** A report about an image that is in no registry of this stack. */
  | { readonly kind: 'unattributed'; readonly why: string }
  /** How many images with reports that name no registry could be attributed, by outcome. */
  | {
      readonly kind: 'attribution';
      readonly attributed: number;
      readonly gone: number;
      readonly unattributed: number;
      readonly unread: number;
      readonly assessments: readonly string[];
    }
  /**
   * Details of vulnerabilities were asked for. `asked`: how many needed details since the last such line. `unread`: of
   * how many none could be read, so that the severity of their reports counts. `error`: why, if the call failed.
   */
  | { readonly kind: 'details'; readonly asked: number; readonly unread: number; readonly error?: string | undefined }
  /** The last pulls could not be read, so that notices do not have them. */
  | { readonly kind: 'pulls'; readonly error: string }
  /**
   * A repository was listed. `images`: how many images it has, or how many messages were sent, one per image.
   * `judgedImages`, `undeterminedImages`: as in a decision about the whole repository.
   */
  | {
      readonly kind: 'reconcile';
      readonly repository: string;
      readonly images: number;
      readonly judgedImages?: number;
      readonly undeterminedImages?: number;
    }
  /** The text of a notice, if the config has no recipients. */
  | { readonly kind: 'notice'; readonly subject: string; readonly text: string }
  /** Notices that could not be sent earlier were sent. `gates`: the number of gates they are about. */
  | { readonly kind: 'notified'; readonly gates: number }
  | { readonly kind: 'scanner'; readonly healthy: boolean; readonly why: string | undefined }
  /** The images that no scan judges, by reason. `why`: the same as text. */
  | ({ readonly kind: 'unscanned'; readonly why: string } & Unscanned)
  /** Locks of another deployment, by its id. `examples`: some of the repositories that have one. */
  | {
      readonly kind: 'otherLocks';
      readonly id: string;
      readonly repositories: number;
      readonly examples: readonly string[];
      readonly why: string;
    }
  /** A repository that is no longer scanned continuously. */
  | { readonly kind: 'scanReduced'; readonly repository: string; readonly why: string }
  /** `closed`: the number of gates that were closed when the sweep began. */
  | { readonly kind: 'sweep'; readonly gates: number; readonly closed: number }
  /** `waiting`: how many gates wait for the brake. `admitted`: how many of them the tick asked to close. */
  | {
      readonly kind: 'tick';
      readonly waiting?: number;
      readonly admitted?: number;
      readonly sweepAgeHours?: number;
      readonly closedThisHour?: number;
      readonly closedThisDay?: number;
      /** How many more gates the day limit allows. */
      readonly leftThisDay?: number;
      /** How many gates it had to reconcile: for an override, or to look again for a blocked fix. */
      readonly due?: number;
      readonly locksRead?: number;
      readonly locksMissing?: number;
      /** Every lock has been read within this time. */
      readonly oldestLockReadMinutes?: number;
      /** For how long the stack has been paused. Undefined: it is not paused. */
      readonly pausedHours?: number;
    }
  | { readonly kind: 'usage'; readonly allCalls: number; readonly calls: Readonly<Record<string, number>> };

/** How much detail a line has. */
interface Measure {
  readonly images: number;
  /** The most findings of each kind, for each image. */
  readonly findings: number;
  /** The most characters of each text from outside. */
  readonly characters: number;
}

const FULL: Measure = { images: 20, findings: 8, characters: Number.POSITIVE_INFINITY };
/** If a line with `FULL` detail is too long, the first of these that fits is used. */
const SHORTER: readonly Measure[] = [
  { ...FULL, images: 10 },
  { ...FULL, images: 5 },
  { ...FULL, images: 2 },
  { ...FULL, images: 1 },
  { images: 1, findings: 8, characters: 300 },
  { images: 1, findings: 1, characters: 100 },
];

/** The cloud of the log, and the most characters of a line there. */
export interface CloudLog {
  readonly cloud: string;
  readonly maxCharacters: number;
}

/**
 * The line's content. Long lists are shortened, with the number of omitted items, to keep the line below the log's
 * limit. If that is not enough, the line names fewer images, then fewer findings, and shortens their texts.
 */
export function decisionLine(
  { cloud, maxCharacters }: CloudLog,
  decision: Decision,
  durationMilliseconds: number,
): LogLine {
  let line = lineOf(cloud, decision, durationMilliseconds, FULL);
  for (const shorter of SHORTER) {
    if (JSON.stringify(line).length <= maxCharacters) break;
    line = lineOf(cloud, decision, durationMilliseconds, shorter);
  }
  return line;
}

function lineOf(cloud: string, decision: Decision, durationMilliseconds: number, measure: Measure): LogLine {
  const { gate, triggers, mode, rule, images, allowed, from, to, action, awaited, expiredExceptions } = decision;
  const [only] = images;
  const { message, problem, notifyError, remedyError, change } = clipped(
    {
      message: summarize(decision),
      problem: decision.problem,
      notifyError: decision.notifyError,
      remedyError: decision.remedyError,
      change: decision.change,
    },
    measure,
  );
  return {
    kind: 'decision',
    cloud,
    gate: gateKey(gate),
    registry: gate.registry,
    repository: gate.repository,
    digest: gate.digest ?? (images.length === 1 ? only?.digest : undefined),
    verdict: worstVerdict(images),
    action,
    from: stateWord(from),
    to: stateWord(to),
    mode,
    rule: rule ?? null,
    // In a fixed order with `finding` first: dashboards group closings by the first trigger.
    triggers: TRIGGERS.filter((trigger) => triggers.includes(trigger)),
    // Fields for queries come before fields that may be long: Logs Insights indexes only the first 200 fields of a
    // line.
    secondsSinceFinding: decision.secondsSinceFinding,
    durationMilliseconds,
    ...evidenceLine(decision),
    blockedFix: decision.blockedFix?.fix.digest,
    message,
    ...overrideLine(decision, measure),
    images: clipped(
      weightiestFirst(images)
        .slice(0, measure.images)
        .map((image) => imageLine(image, measure)),
      measure,
    ),
    ...moreOf('moreImages', images.length - measure.images),
    allowedImages: allowed,
    problem,
    notifyError,
    remedyError,
    ...(awaited.length === 0 ? {} : { awaited: clipped(awaited.slice(0, measure.findings), measure) }),
    ...(expiredExceptions.length === 0
      ? {}
      : { expiredExceptions: clipped(expiredExceptions.slice(0, measure.findings), measure) }),
    change,
  };
}

/** The override and its step. The log records its beginning and its end. */
function overrideLine({ override }: Decision, measure: Measure): Record<string, unknown> {
  if (override === undefined) return {};
  const { kind, at, until, reason, approvedBy, by, endedBy, replaces } = override.order;
  return {
    override: clipped({ step: override.step, kind, at, until, reason, approvedBy, by, endedBy, replaces }, measure),
  };
}

/**
 * A line as JSON. If it is too long, its longest texts are cut, because a log that cuts the line itself leaves no JSON,
 * and then no alarm finds it.
 */
export function lineText(line: LogLine, maxCharacters: number): string {
  let text = JSON.stringify(line);
  for (let characters = maxCharacters; text.length > maxCharacters && characters >= 1; characters >>= 1)
    text = JSON.stringify(clipped(line, { ...FULL, characters }));
  return text;
}

/** The value with each text cut to the measure's number of characters. */
function clipped<T>(value: T, { characters }: Measure): T {
  if (characters === Number.POSITIVE_INFINITY) return value;
  const text = JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'string' && one.length > characters ? `${one.slice(0, characters - 1)}…` : one,
  );
  return JSON.parse(text) as T;
}

function stateWord(state: Decision['to']): string {
  return state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind;
}

function worstVerdict(images: readonly ImageDecision[]): Verdict['kind'] {
  const kinds = images.map((image) => (image.kind === 'cleared' ? 'allow' : image.verdict.kind));
  if (kinds.includes('block')) return 'block';
  return kinds.includes('undetermined') ? 'undetermined' : 'allow';
}

function imageLine(image: ImageDecision, measure: Measure): Record<string, unknown> {
  if (image.kind === 'cleared') return { digest: image.digest, outcome: 'cleared', how: image.how };
  const { digest, verdict } = image;
  const holds = image.kind === 'holds' ? { outcome: 'holds', why: image.why } : { outcome: 'none' };
  return { digest, ...holds, verdict: verdict.kind, ...verdictLine(verdict, measure) };
}

function verdictLine(verdict: Verdict, measure: Measure): Record<string, unknown> {
  const { exempted } = verdict;
  const reasons = verdict.kind === 'block' ? verdict.reasons : [];
  const undetermined = verdict.kind === 'allow' ? [] : verdict.undetermined;
  return {
    ...cut('reasons', reasons.map(reasonLine), measure),
    ...cut(
      'undetermined',
      undetermined.map((finding) => ({ ...findingLine(finding), label: labelOf(finding) })),
      measure,
    ),
    ...cut(
      'exempted',
      exempted.map(({ finding, exemption }) => ({ ...findingLine(finding), ...exemptionLine(exemption) })),
      measure,
    ),
  };
}

function reasonLine({ finding, rule, severity, inherited, epss }: Reason): Record<string, unknown> {
  return { ...findingLine(finding), severity, inherited, rule, exploited: finding.exploited, epss };
}

function findingLine({ vulnerability, package: found }: Finding): Record<string, unknown> {
  return { vulnerability, package: found.name, installedVersion: found.version, fixedVersion: found.fixedVersion };
}

function exemptionLine(exemption: Exemption): Record<string, unknown> {
  const { kind } = exemption;
  if (kind === 'exception')
    return { exemption: kind, exception: exemption.exception, until: exemption.exception.expiresAt };
  return { exemption: kind, until: kind === 'grace' ? exemption.until : undefined };
}

function cut(name: string, items: readonly Record<string, unknown>[], { findings }: Measure): Record<string, unknown> {
  if (items.length === 0) return {};
  const more = moreOf(`more${name.charAt(0).toUpperCase()}${name.slice(1)}`, items.length - findings);
  return { [name]: items.slice(0, findings), ...more };
}

function moreOf(name: string, count: number): Record<string, number> {
  return count > 0 ? { [name]: count } : {};
}
