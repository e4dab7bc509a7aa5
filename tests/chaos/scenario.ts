// The scenario of one run: repositories, images, a policy and a long list of timed steps, all drawn from the seed.
import { between, type Draw, oneOf, pick } from './draw.ts';
import { CALM, type Fate, LOST } from './fates.ts';
import { nextStep, policyFrom } from './next-step.ts';
import { violates } from './specification.ts';
import {
  happen,
  type Step,
  type TrueImage,
  type TrueRepository,
  type Truth,
  type Vulnerability,
  type Word,
} from './truth.ts';

/**
 * A moment in the middle of an opening. `afterIntent`: the worker has saved its intent and is about to observe the
 * images again. `beforeConfirmation`: it has opened the gate and is about to save that. ECR has no lock against other
 * writers, so an edit of the policy at another moment than `afterIntent` could be overwritten (docs/limits.md).
 */
export type OpeningMoment = 'afterIntent' | 'beforeConfirmation';

export interface TimedStep {
  /** Minutes since the start of the run. */
  readonly minute: number;
  /**
   * `atOnce`: at its minute, before the function handles the other steps of that minute. `midway`: while it handles
   * them. An opening's moment: when the next opening of the repository reaches it. On Azure, that is `midway`.
   */
  readonly moment: 'atOnce' | 'midway' | OpeningMoment;
  /** How its events are delivered. Default: drawn. */
  readonly fate?: Fate;
  readonly step: Step;
}

export interface Scenario {
  /** The world before the first step. */
  readonly truth: Truth;
  readonly steps: readonly TimedStep[];
  /** The brake. */
  readonly maxClosesPerHour: number;
  readonly maxClosesPerDay: number;
  readonly mode: 'enforce' | 'audit';
  /** What a gate is, if the cloud offers a choice. */
  readonly granularity: 'image' | 'repository';
  /** Whether the registry reports pushes and deletions, if the stack has the choice. */
  readonly pushEvents: boolean;
  /** Only the scanner's details of a CVE have its severity, which must be asked for and may be missing (Azure). */
  readonly hasDetailsApart: boolean;
}

export interface Size {
  /** The number of steps. Nearly every step sends an event from the registry or the scanner. */
  readonly steps: number;
  /** The duration over which the steps are spread. */
  readonly minutes: number;
  /** How likely steps of people are: 1 in a long run, more in a short one. */
  readonly people: number;
  /** The minimum and maximum number of repositories. */
  readonly repositories: readonly [least: number, most: number];
  /**
   * Whether the stack names registries. If so, all of their repositories are included, none of them serves Lambda
   * functions, and single images can be locked, also by others. If not, the stack names repositories.
   */
  readonly namesRegistries: boolean;
}

const IMAGES_A_REPOSITORY = 3;
/** With a narrow brake, gates wait while newcomers of lower and higher rank arrive. */
const BRAKES: readonly (readonly [maxClosesPerHour: number, weight: number])[] = [
  [1, 2],
  [2, 3],
  [1000, 15],
];
/** With this limit, a few gates wait for a day or two. */
const NARROW_DAY = 4;
const MAKES_DANGER: ReadonlySet<Step['kind']> = new Set(['push', 'report', 'unsuppress']);
const WORDS: readonly (readonly [Word, number])[] = [
  ['critical', 3],
  ['high', 3],
  ['medium', 2],
  ['low', 1],
];

export function scenarioOf(draw: Draw, size: Size): Scenario {
  const truth = firstTruth(draw, size);
  const start = copyOf(truth);
  const vulnerabilities = catalogue(draw);
  const steps: TimedStep[] = [];
  // In some runs the last events are lost, so that only a sweep finds what happened.
  const heardSteps = draw('lostTail') < 0.3 ? size.steps - Math.ceil(size.steps / 6) : size.steps;
  let minute = 1;
  let isFirst = true;
  for (let number = 0; number < size.steps; number++) {
    const drawn: Draw = (...name) => draw('step', number, ...name);
    const lost = number < heardSteps ? {} : { fate: LOST };
    const take = (timed: Omit<TimedStep, 'minute'>): void => {
      happen(truth, timed.step, minute);
      steps.push({ minute, ...timed, ...lost });
    };
    // Some bursts are a race: a finding is suppressed, and a second step happens at a chosen moment of the opening.
    const mayRace = isFirst && number < heardSteps && drawn('race') < 0.7;
    const race = mayRace ? raceOf(drawn, truth, vulnerabilities) : undefined;
    const relapse = mayRace && size.namesRegistries && drawn('relapse') < 0.5 ? relapseOf(drawn, truth) : undefined;
    if (relapse !== undefined) {
      // The workers start anew, so that they observe the first event.
      take({ step: { kind: 'policy', policy: truth.policy }, moment: 'atOnce' });
      take({ step: { kind: 'suppress', ...relapse }, moment: 'atOnce', fate: CALM });
      minute += between(drawn('relapsed'), 5, 30);
      take({ step: { kind: 'unsuppress', ...relapse }, moment: 'atOnce', fate: CALM });
      number += 2;
    } else if (race !== undefined) {
      for (const timed of race) take(timed);
      number += 1;
    } else {
      // In most bursts, most steps concern one repository.
      const focus = drawn('focus') < 0.7 ? oneOf(draw('focus', minute), [...truth.repositories.keys()]) : undefined;
      const step = nextStep(drawn, { truth, vulnerabilities, focus, people: size.people });
      isFirst = drawn('pause') < 0.3;
      // The last step of a burst may happen while the function handles the others.
      const isMidway = isFirst && MAKES_DANGER.has(step.kind) && drawn('midway') < 0.6;
      take({ step, moment: isMidway ? 'midway' : 'atOnce' });
      if (!isFirst) continue;
    }
    // Quiet periods separate the bursts.
    minute += between(drawn('minutes'), 1, Math.ceil((6 * size.minutes) / size.steps));
  }
  if (draw('release') < 0.5)
    for (const step of releaseOf(truth, vulnerabilities)) steps.push({ minute: minute + 1, step, moment: 'atOnce' });
  return {
    truth: start,
    steps,
    maxClosesPerHour: pick(draw('brake'), BRAKES),
    maxClosesPerDay: draw('day') < 0.1 ? NARROW_DAY : 1000,
    mode: draw('mode') < 0.05 ? 'audit' : 'enforce',
    granularity: draw('granularity') < 0.2 ? 'repository' : 'image',
    pushEvents: draw('pushEvents') < 0.3,
    hasDetailsApart: size.namesRegistries && draw('details') < 0.25,
  };
}

/** A clean image is pushed under a tag of its own to a repository whose gate is held: a fix that it blocks. */
function releaseOf({ images, policy }: Truth, catalogue: readonly Vulnerability[]): readonly Step[] {
  const all = [...images.values()];
  const isHeld = (repository: string) =>
    all.some(
      (image) =>
        image.repository === repository &&
        image.tags.size > 0 &&
        [...image.findings.values()].some(
          ({ status, vulnerability }) => status === 'active' && violates(vulnerability, policy),
        ),
    );
  const fix = all.find(({ pushedAt, repository }) => pushedAt === undefined && isHeld(repository));
  const vulnerability = catalogue.find((one) => !violates(one, policy));
  if (fix === undefined || vulnerability === undefined) return [];
  return [
    { kind: 'push', image: fix.name, repository: fix.repository, tag: 'v3' },
    { kind: 'report', image: fix.name, vulnerability },
  ];
}

function firstTruth(draw: Draw, { namesRegistries, repositories: many }: Size): Truth {
  const repositories = new Map<string, TrueRepository>();
  const images = new Map<string, TrueImage>();
  for (let index = 0; index < between(draw('repositories'), ...many); index++) {
    const included = namesRegistries || draw('included', index) > 0.1;
    const name = `${included ? 'team' : 'legacy'}/app-${index}`;
    const servesLambda = !namesRegistries && draw('lambda', index) < 0.1;
    repositories.set(name, { name, included, servesLambda });
    for (let number = 0; number < IMAGES_A_REPOSITORY; number++) {
      const image = `image-${index}-${number}`;
      images.set(image, {
        name: image,
        repository: name,
        present: false,
        tags: new Set(),
        findings: new Map(),
        cleanAt: undefined,
        pushedAt: undefined,
        hasCoverage: true,
        foreignLock: namesRegistries && draw('locked', image) < 0.1,
      });
    }
  }
  return { repositories, images, policy: policyFrom(draw) };
}

function copyOf({ repositories, images, policy }: Truth): Truth {
  return {
    repositories: new Map([...repositories].map(([name, one]) => [name, { ...one }])),
    images: new Map(
      [...images].map(([name, one]) => [name, { ...one, tags: new Set(one.tags), findings: new Map(one.findings) }]),
    ),
    policy,
  };
}

function catalogue(draw: Draw): readonly Vulnerability[] {
  return Array.from({ length: 10 }, (_, number) => {
    const word = pick(draw('word', number), WORDS);
    const score = { critical: 9.8, high: 7.5, medium: 5, low: 2 }[word];
    return {
      id: `CVE-2026-${1000 + number}`,
      severity: draw('unknown', number) < 0.15 ? undefined : word,
      score,
      fixable: draw('fixable', number) < 0.7,
      exploited: draw('exploited', number) < 0.1,
      epss: draw('epss', number) < 0.2 ? 0.9 : undefined,
    };
  });
}

/**
 * One finding of one image holds a repository's gate, and the finding is suppressed. While the function opens the gate,
 * another finding arrives, the suppression ends, or the team edits the repository's policy.
 */
function raceOf(
  draw: Draw,
  truth: Truth,
  catalogue: readonly Vulnerability[],
): readonly Omit<TimedStep, 'minute'>[] | undefined {
  const { images, policy } = truth;
  const found = oneOf(draw('racing'), lonelyFindings(truth));
  const others = catalogue.filter((one) => one.id !== found?.vulnerability.id && violates(one, policy));
  const other = oneOf(draw('other'), others);
  if (found === undefined || other === undefined) return undefined;
  const { repository = '' } = images.get(found.image) ?? {};
  const racer = pick<Pick<TimedStep, 'moment' | 'fate' | 'step'>>(draw('racer'), [
    // Another worker closes the gate, and this one must not overwrite that.
    [{ moment: 'beforeConfirmation', step: { kind: 'report', image: found.image, vulnerability: other } }, 4],
    // No other worker hears of it, so the gate must not open at all.
    [{ moment: 'afterIntent', fate: LOST, step: { kind: 'unsuppress', ...found } }, 4],
    [{ moment: 'afterIntent', step: { kind: 'edit', repository } }, 2],
  ]);
  return [
    { moment: 'atOnce', fate: CALM, step: { kind: 'suppress', ...found } },
    { fate: CALM, ...racer },
  ];
}

/**
 * The finding that holds a gate is suppressed, and some minutes later it is active again. The worker that has seen it
 * suppressed must observe it again.
 */
function relapseOf(draw: Draw, truth: Truth): LonelyFinding | undefined {
  return oneOf(draw('relapsing'), lonelyFindings(truth));
}

interface LonelyFinding {
  readonly image: string;
  readonly vulnerability: Vulnerability;
}

/** The findings that alone hold the gate of their repository. */
function lonelyFindings({ repositories, images, policy }: Truth): readonly LonelyFinding[] {
  return [...repositories.values()].flatMap(({ name, included, servesLambda }) => {
    const active = [...images.values()].flatMap((image) =>
      image.repository === name && image.present && image.tags.size > 0
        ? [...image.findings.values()].flatMap(({ status, vulnerability }) =>
            status === 'active' && violates(vulnerability, policy) ? [{ image: image.name, vulnerability }] : [],
          )
        : [],
    );
    return active.length === 1 && included && !servesLambda ? active : [];
  });
}
