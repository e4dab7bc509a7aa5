// What came of a row on one cloud, stage by stage, in a form that is the same wherever the policy's answer is.
// Everything that is not compared is named here.
import type { Line, Mail, World } from './world.ts';

/** What came of one stage. */
export interface Outcome {
  /** The decisions that changed something, in order. */
  readonly changes: readonly Line[];
  /** Where each gate stands after the stage's tick. Those that have nothing to say are left out. */
  readonly last: readonly Line[];
  readonly mails: readonly Mail[];
  /** What a deployment would see, by tag. */
  readonly pulls: Readonly<Record<string, string>>;
}

/**
 * Keys of a log line that are the cloud's own. Of plainly allowed images each counts those that its scanner's answer
 * had: Inspector leaves out what cannot matter, Log Analytics answers with its row. What was changed is a policy on
 * AWS, and on Azure an attribute, which goes with its image.
 */
const OWN_KEYS = ['cloud', 'registry', 'durationMilliseconds', 'secondsSinceFinding', 'allowedImages', 'change'];
/** What a scanner says where it knows no severity: Inspector's word and Defender's. */
const NOT_KNOWN = ['UNTRIAGED', 'Unknown'];
/** What proof is missing is what the cloud's scanner could have said. */
const MISSING_PROOFS = [
  'its coverage is INACTIVE, SCAN_ELIGIBILITY_EXPIRED',
  'Defender for Cloud does not report every finding that closed the gate as healthy or exempted, and a finding that is no longer reported proves nothing',
];
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

type Surroundings = Pick<World, 'registry' | 'startedAt' | 'now'>;

/**
 * Triggers that only ask for an observation: AWS has events of pushes and deletes, on Azure the sweep finds what they
 * did.
 */
const OBSERVING_TRIGGERS = ['push', 'delete', 'sweep', 'tick'];
const OBSERVATION = 'an observation';

/** The line without what is the cloud's own. */
export function neutralLine(line: Line, world: Surroundings): Line {
  const kept = Object.entries(line).filter(([key]) => !OWN_KEYS.includes(key));
  const { triggers, ...rest } = Object.fromEntries(kept);
  const woken = (triggers as readonly string[]).map((trigger) =>
    OBSERVING_TRIGGERS.includes(trigger) ? OBSERVATION : trigger,
  );
  return neutral({ ...rest, triggers: [...new Set(woken)] }, world) as Line;
}

/** What a gate's last line says of where it stands. What was done, why, and what it was before is in the changes. */
export function standing(line: Line): Line {
  const { action: _action, from: _from, message: _message, triggers: _triggers, digest: _digest, ...rest } = line;
  return { ...rest, images: (line['images'] as readonly Line[]).filter(({ outcome }) => outcome !== 'cleared') };
}

/**
 * A gate whose images are plainly allowed: AWS says so at each push, and Azure of each repository that has rows, or not
 * at all.
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

/** A moment while the row ran is the cloud's own; when an exception or a grace ends is the policy's, and stays. */
function neutralText(text: string, { registry, startedAt, now }: Surroundings): string {
  const isOfRow = (instant: string) => instant >= startedAt.toISOString() && instant <= now().toISOString();
  let known = text.replaceAll(registry, '(registry)');
  known = known.replaceAll(INSTANT, (instant) => (isOfRow(instant) ? '(a moment of the run)' : instant));
  for (const proof of MISSING_PROOFS) known = known.replaceAll(proof, '(what the scanner does not say)');
  for (const word of NOT_KNOWN) {
    known = known.replaceAll(`severity "${word}"`, 'severity "(not known)"');
    if (known === word) known = '(not known)';
  }
  return known;
}

/** In a few words: the worst verdict and the state of the gates, and the notices. */
export function inShort({ last, mails }: Outcome): string {
  const states = last.map(({ verdict, to }) => `${verdict}, ${to}`);
  const notified = mails.map(({ subject }) => /^\[pullgate\] (.+): \S+$/.exec(subject)?.[1]);
  return [
    states.length === 0 ? 'nothing to say' : states.join(' + '),
    ...notified.map((what) => `notified "${what}"`),
  ].join(', ');
}

/** The outcome where each image is a gate, as if the repository were: without the digest in the gate's name. */
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

/** What was found of each image, whichever gate it belongs to, by digest. */
export function imagesOf({ last }: Outcome): readonly unknown[] {
  const images = last.flatMap(({ images }) => images as readonly { readonly digest: string }[]);
  return images.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}
