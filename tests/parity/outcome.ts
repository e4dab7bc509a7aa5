// The outcome of a row on one cloud, stage by stage, in a neutral form: if the policy decides the same, outcomes are
// equal. This file names everything that is not compared.
import type { Line, Mail, World } from './world.ts';

/** The outcome of one stage. */
export interface Outcome {
  /** The decisions that changed something, in order. */
  readonly changes: readonly Line[];
  /** The state of each gate after the stage's tick, without gates whose images are plainly allowed. */
  readonly last: readonly Line[];
  readonly mails: readonly Mail[];
  /** The results of a deployment's pulls, by tag. */
  readonly pulls: Readonly<Record<string, string>>;
}

/**
 * Fields of a log line that depend on the cloud. Each cloud counts the plainly allowed images that its scanner returns,
 * also among the judged ones: Inspector omits images that cannot matter, Log Analytics returns their rows. `change` is
 * a policy on AWS, and an attribute of the image on Azure.
 */
const COUNTS = ['durationMilliseconds', 'secondsSinceFinding', 'allowedImages', 'judgedImages'];
const OWN_KEYS = ['cloud', 'registry', ...COUNTS, 'change'];
/** The labels for an unknown severity, in Inspector and in Defender. */
const NOT_KNOWN = ['UNTRIAGED', 'Unknown'];
/** The reasons for missing proof, which depend on the cloud's scanner. */
const MISSING_PROOFS = [
  'its coverage is INACTIVE, SCAN_ELIGIBILITY_EXPIRED',
  'Defender for Cloud does not report every finding that closed the gate as healthy or exempted, and a finding that is no longer reported proves nothing',
];
/** The effects of a closing. Only AWS has exempt principals. */
const EFFECTS = ['Pulls are blocked for everyone except exempt principals.', 'Pulls are blocked for everyone.'];
/** How to find out whether an image runs. */
const WHERE_IT_RUNS = [
  'Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.',
  "To find out, look for the digest in your clusters, and for pulls of it in the registry's diagnostic log ContainerRegistryRepositoryEvents.",
];
/** How to find out who changed a lock. */
const WHERE_TO_LOOK = [
  "If someone changed it, CloudTrail's event history says who: look for SetRepositoryPolicy and DeleteRepositoryPolicy.",
  "If someone changed it, the registry's diagnostic logs show who used the registry at that time, if you collect them: https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-containerregistry-registries-logs",
];
/** The registry's host, and the commands that let a fix out. */
const HOST = /\S+\.(?:amazonaws\.com|azurecr\.io)\//g;
const REMOVAL = /(?:aws ecr|az acr) .*/g;
const UNTAG = /\n +or: az acr .*/g;
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
/** A time as mails have it. */
const MINUTE = /\d{4}-\d\d-\d\d \d\d:\d\d UTC/g;

type Surroundings = Pick<World, 'registry' | 'startedAt' | 'now'>;

/** Triggers that only request an observation: AWS has events for pushes and deletes; on Azure, the sweep finds them. */
const OBSERVING_TRIGGERS = ['push', 'delete', 'settings', 'sweep', 'tick'];
const OBSERVATION = 'an observation';

/** The line without the parts that depend on the cloud. */
export function neutralLine(line: Line, world: Surroundings): Line {
  const kept = Object.entries(line).filter(([key]) => !OWN_KEYS.includes(key));
  const { triggers, ...rest } = Object.fromEntries(kept);
  const woken = (triggers as readonly string[]).map((trigger) =>
    OBSERVING_TRIGGERS.includes(trigger) ? OBSERVATION : trigger,
  );
  return neutral({ ...rest, triggers: [...new Set(woken)] }, world) as Line;
}

/** Fields about what was done, which the changes have. */
const OF_ACTION = ['action', 'onlyInherited', 'from', 'message', 'triggers', 'digest'];

/** The state of a gate from its last line. The action, its reason and the previous state are in the changes. */
export function standing(line: Line): Line {
  const rest = Object.fromEntries(Object.entries(line).filter(([key]) => !OF_ACTION.includes(key)));
  return { ...rest, images: (line['images'] as readonly Line[]).filter(({ outcome }) => outcome !== 'cleared') };
}

/**
 * Does a line report any image? AWS also logs a line for each push of a plainly allowed image, and Azure for each
 * repository that has rows.
 */
export function hasSomethingToSay({ images }: Line): boolean {
  return (images as readonly unknown[]).length > 0;
}

export function neutralMail(mail: Mail, world: Surroundings): Mail {
  return neutral(mail, world) as Mail;
}

function neutral(value: unknown, world: Surroundings): unknown {
  if (typeof value === 'string') return neutralText(value, world);
  if (Array.isArray(value)) return value.map((one) => neutral(one, world));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, neutral(one, world)]));
}

/** Replaces the parts of a text that depend on the cloud. Times of the run do; the ends of exemptions do not. */
function neutralText(text: string, { registry, startedAt, now }: Surroundings): string {
  const isOfRow = (instant: string) => instant >= startedAt.toISOString() && instant <= now().toISOString();
  const minuteOf = (at: Date) => at.toISOString().slice(0, 16).replace('T', ' ');
  const isMinuteOfRow = (minute: string) =>
    minute.slice(0, 16) >= minuteOf(startedAt) && minute.slice(0, 16) <= minuteOf(now());
  let known = text.replaceAll(registry, '(registry)');
  known = known.replaceAll(MINUTE, (minute) => (isMinuteOfRow(minute) ? '(a moment of the run)' : minute));
  known = known.replaceAll(INSTANT, (instant) => (isOfRow(instant) ? '(a moment of the run)' : instant));
  // ECR deletes an image with its last tag, so that only ACR has a command to untag.
  known = known.replaceAll(' or untag ', ' ').replaceAll(UNTAG, '');
  known = known.replaceAll(REMOVAL, '(a command of the cloud)').replaceAll(HOST, '(host)/');
  for (const proof of MISSING_PROOFS) known = known.replaceAll(proof, '(what the scanner does not say)');
  for (const effect of EFFECTS) known = known.replaceAll(effect, '(the effect of a closing)');
  for (const where of WHERE_IT_RUNS) known = known.replaceAll(where, '(where it runs)');
  // Only ECR records pulls by itself.
  known = known.replaceAll('; last pull recorded at (a moment of the run)', '');
  for (const where of WHERE_TO_LOOK) known = known.replaceAll(where, '(where to look)');
  for (const word of NOT_KNOWN) {
    known = known.replaceAll(`severity "${word}"`, 'severity "(not known)"');
    if (known === word) known = '(not known)';
  }
  return known;
}

/** The outcome as short text: the worst verdict and state of each gate, and the notices. */
export function inShort({ last, mails }: Outcome): string {
  const states = last.map(({ verdict, to }) => `${verdict}, ${to}`);
  const notified = mails.map(({ subject }) => /^\[pullgate\] (.+): \S+$/.exec(subject)?.[1]);
  return [
    states.length === 0 ? 'nothing to say' : states.join(' + '),
    ...notified.map((what) => `notified "${what}"`),
  ].join(', ');
}

/** The outcome without the first advice in its mails, which depends on what a gate is. */
export function withoutFix({ mails, ...outcome }: Outcome): Outcome {
  const isFix = (line: string) => line.startsWith('  1. ');
  const without = (text: string) =>
    text
      .split('\n')
      .filter((line) => !isFix(line))
      .join('\n');
  return { ...outcome, mails: mails.map((mail) => ({ ...mail, text: without(mail.text) })) };
}

/** Converts an outcome with image gates to one with a repository gate: removes the digest from the gate's name. */
export function asOfRepository(outcome: Outcome, repository: string): Outcome {
  const rename = (text: string) => text.replaceAll(new RegExp(`${repository}@sha256:[0-9a-f]{12,64}`, 'g'), repository);
  const renamed = (value: unknown): unknown => {
    if (typeof value === 'string') return rename(value);
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, renamed(one)]));
  };
  return renamed(outcome) as Outcome;
}

/** The findings of each image of any gate, sorted by digest. */
export function imagesOf({ last }: Outcome): readonly unknown[] {
  const images = last.flatMap(({ images }) => images as readonly { readonly digest: string }[]);
  return images.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}
