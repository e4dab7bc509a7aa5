// The judge finds a violation of each invariant, and nothing in a run that violates none.
import { expect, test } from 'vitest';
import type { Bounds, Change, Observation, SeenRecord } from './cloud.ts';
import { INVARIANTS } from './invariants.ts';
import { createJudge } from './judge.ts';
import { happen, type Step, type TrueImage, type Vulnerability, type Word } from './truth.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BOUNDS: Bounds = {
  ...{ event: 40 * MINUTE, setback: 30 * MINUTE, tick: HOUR },
  ...{ sweep: 6 * HOUR, invocation: 5 * MINUTE },
};
const [GATE, OTHER] = ['team/app-0', 'team/app-1'];
const [IMAGE, OTHER_IMAGE, FIX] = ['image-0-0', 'image-1-0', 'image-0-1'];

const cve = (severity: Word): Vulnerability => ({
  ...{ id: `CVE-2026-${severity}`, severity, score: 9, fixable: true, exploited: false, epss: undefined },
});

function imageNamed(name: string, repository: string, severity: Word): TrueImage {
  const vulnerability = cve(severity);
  return {
    ...{ name, repository, present: true, tags: new Set(['v1']), cleanAt: undefined, foreignLock: false },
    ...{ pushedAt: 1, hasCoverage: true },
    findings: new Map([[vulnerability.id, { vulnerability, status: 'active' }]]),
  };
}

/** A stack with two repositories whose images violate, and its judge. On Azure, each image is a gate. */
function stage(cloud: 'aws' | 'azure' = 'aws') {
  const clean = { ...imageNamed(FIX, GATE, 'low'), present: false, tags: new Set<string>() };
  const images = [imageNamed(IMAGE, GATE, 'critical'), imageNamed(OTHER_IMAGE, OTHER, 'high'), clean];
  const repositories = [GATE, OTHER].map((name) => ({ name, included: true, servesLambda: false }));
  const truth = {
    repositories: new Map(repositories.map((one) => [one.name, one])),
    images: new Map(images.map((one) => [one.name, one])),
    policy: { threshold: 'high', unfixable: 'high', exploited: 'never', epss: 'never', images: 'tagged', excepted: [] },
  } as const;
  const granularity = cloud === 'aws' ? 'repository' : 'image';
  const scenario = {
    truth,
    steps: [],
    maxClosesPerHour: 1,
    maxClosesPerDay: 3,
    mode: 'enforce',
    granularity,
    pushEvents: false,
    hasDetailsApart: false,
  } as const;
  const judge = createJudge(cloud, scenario, truth, BOUNDS);
  let now = 0;
  const observation = (seen: Partial<Observation>): Observation => ({
    ...{ at: now, closed: new Set(), records: [], notified: [], admissions: [], waiting: 1, dead: [] },
    ...{ setbacks: [], damage: [], ...seen },
  });
  return {
    /** Lets time pass, and observes. */
    see(minutes: number, seen: Partial<Observation>): void {
      now += minutes * MINUTE;
      judge.see(observation(seen));
    },
    hear(step: Step): void {
      happen(truth, step, now);
      judge.hear(step, now, undefined, undefined);
    },
    end: (seen: Partial<Observation>, decided: readonly Change[] = [], rewrites: readonly string[] = []) =>
      judge.conclude(observation({ waiting: 0, ...seen }), decided, rewrites),
    now: () => now,
  };
}

type Stage = ReturnType<typeof stage>;

const blocker = (image: string, severity: Word) => ({
  ...{ image, findings: [cve(severity).id], dangerousAt: 0, wasClosed: true },
});
const record = (gate: string, state: string): SeenRecord => ({
  ...{ gate, state, pending: 0, untoldRestorations: 0 },
  blockers: [gate === GATE ? blocker(IMAGE, 'critical') : blocker(OTHER_IMAGE, 'high')],
});
const notice = (gate: string, change = 'closed') => ({ gate, change, text: '' });

/** Both gates are closed, as they should be. */
const CLOSED: Partial<Observation> = {
  closed: new Set([GATE, OTHER]),
  records: [record(GATE, 'closed'), record(OTHER, 'closed')],
  notified: [notice(GATE), notice(OTHER)],
  admissions: [
    { gate: GATE, at: 0 },
    { gate: OTHER, at: HOUR },
  ],
};
/** The first gate is open, and its record does not know. */
const OPENED: Partial<Observation> = { ...CLOSED, closed: new Set([OTHER]) };
const PAUSE: Step = { kind: 'pause', minutes: 60, unreadable: undefined };
const override = (order: 'open' | 'closed'): Step => ({ kind: 'override', order, image: IMAGE, minutes: 240 });

/** Passes a while with both gates closed. */
function settle(s: Stage): void {
  s.see(1, CLOSED);
  s.see(60, CLOSED);
}

/** Pushes a clean image to the first repository, after the one that holds its gate. */
function pushFix(s: Stage): void {
  settle(s);
  s.hear({ kind: 'push', image: FIX, repository: GATE, tag: 'v2' });
}

/** A violation of each invariant, by its number, and what the judge says of it. */
const VIOLATIONS: readonly (readonly [number: number, says: string, play: (s: Stage) => readonly string[]])[] = [
  [
    1,
    `${GATE} was opened though an image holds it`,
    (s) => {
      settle(s);
      s.see(15, OPENED);
      return s.end(CLOSED);
    },
  ],
  [
    1,
    `no notice says that pullgate is paused|override opened ${GATE}`,
    (s) => {
      settle(s);
      s.hear(PAUSE);
      s.see(4, OPENED);
      return s.end(CLOSED);
    },
  ],
  [
    2,
    `${GATE} is open though ${IMAGE} has had to hold it for 600 minutes, of which no event notified`,
    (s) => {
      s.see(1, OPENED);
      s.see(600, OPENED);
      return s.end(CLOSED);
    },
  ],
  [
    2,
    `${GATE} is closed, and its record says open`,
    (s) => {
      s.see(1, { ...CLOSED, records: [record(GATE, 'open'), record(OTHER, 'closed')], waiting: 0 });
      return s.end(CLOSED);
    },
  ],
  [
    3,
    `${GATE} is open though ${IMAGE} had closed it and nothing keeps it open`,
    (s) => {
      settle(s);
      s.hear(PAUSE);
      s.see(240, OPENED);
      return s.end(CLOSED);
    },
  ],
  [
    4,
    `2 gates were admitted in 1 h until 1970-01-01T00:59:59.999Z, not 1`,
    (s) => {
      const admissions = [
        { gate: GATE, at: 0 },
        { gate: OTHER, at: HOUR - 1 },
      ];
      s.see(61, { ...CLOSED, admissions });
      return s.end({ ...CLOSED, admissions });
    },
  ],
  [4, `${GATE} was closed and never admitted`, (s) => s.end({ ...CLOSED, admissions: [] }, [notice(GATE)])],
  [
    5,
    `${OTHER} was admitted while ${GATE} waited`,
    (s) => {
      const waiting = { ...OPENED, records: [record(GATE, 'waiting: brake'), record(OTHER, 'waiting: brake')] };
      s.see(1, { ...waiting, closed: new Set(), admissions: [] });
      s.see(20, { ...waiting, admissions: [{ gate: OTHER, at: 20 * MINUTE }] });
      return s.end(CLOSED);
    },
  ],
  [
    6,
    `${GATE} is closed though an override keeps it open`,
    (s) => {
      settle(s);
      s.hear(override('open'));
      s.see(15, { ...CLOSED, waiting: 0 });
      return s.end(CLOSED);
    },
  ],
  [
    6,
    `${GATE} is open though an override keeps it closed`,
    (s) => {
      s.see(1, OPENED);
      s.hear(override('closed'));
      s.see(180, { ...OPENED, waiting: 0 });
      return s.end(CLOSED);
    },
  ],
  [7, 'the policy was another', (s) => s.end({ ...CLOSED, damage: ['the policy was another'] })],
  [
    8,
    `${GATE} is open though its lock was removed 2 ticks ago`,
    (s) => {
      settle(s);
      s.hear({ kind: 'strip', repository: GATE });
      s.see(161, OPENED);
      return s.end(CLOSED);
    },
  ],
  [9, `${GATE} closed 1 times, and was notified of 0 times`, (s) => s.end({ ...CLOSED, notified: [notice(OTHER)] })],
  [
    9,
    `${OTHER}: notices still pending: 1`,
    (s) => s.end({ ...CLOSED, records: [record(GATE, 'closed'), { ...record(OTHER, 'closed'), pending: 1 }] }),
  ],
  [
    9,
    `the fix of ${GATE} is image-0-1, and its record says undefined`,
    (s) => {
      pushFix(s);
      return s.end(CLOSED);
    },
  ],
  [
    9,
    `no notice says that ${GATE} blocks its fix image-0-1`,
    (s) => {
      pushFix(s);
      const blockedFix = { image: 'image-0-1', digest: 'sha256:1' };
      return s.end({ ...CLOSED, records: [{ ...record(GATE, 'closed'), blockedFix }, record(OTHER, 'closed')] });
    },
  ],
  [10, 'it called sns:Publish 1 times', (s) => s.end(CLOSED, [], ['sns:Publish 1 times'])],
  [11, `at the end ${GATE} is open, and ${IMAGE} should hold it`, (s) => s.end(OPENED)],
  [
    11,
    `at the end the record of ${GATE} says waiting: brake, not closed`,
    (s) => s.end({ ...CLOSED, records: [record(GATE, 'waiting: brake'), record(OTHER, 'closed')] }),
  ],
  [11, 'messages still on the queue: 2', (s) => s.end({ ...CLOSED, waiting: 2 })],
  [
    12,
    `${GATE} is locked`,
    (s) => {
      settle(s);
      s.hear(PAUSE);
      s.see(6, { ...CLOSED, closed: new Set([GATE]) });
      return s.end(CLOSED);
    },
  ],
];

test('there are twelve invariants, and each has a violation here', () => {
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1);
  expect(INVARIANTS.map(({ number }) => number)).toEqual(numbers);
  expect([...new Set(VIOLATIONS.map(([number]) => number))]).toEqual(numbers);
});

test.each(VIOLATIONS)('finds a violation of invariant %i: %s', (number, says, play) => {
  const name = INVARIANTS.find((one) => one.number === number)?.name;
  expect(play(stage())).toContain(`${name}: ${says}`);
});

test('finds nothing if gates close, open for a pause and an override, lose a lock and close again in time', () => {
  const s = stage();
  settle(s);
  const opened = { gate: GATE, change: 'opened', text: 'pullgate is paused' };
  const restored = notice(GATE, 'restored');
  s.hear(PAUSE);
  s.see(4, { ...OPENED, closed: new Set() });
  s.see(120, CLOSED);
  s.hear(override('open'));
  s.see(15, OPENED);
  s.see(120, CLOSED);
  s.hear({ kind: 'strip', repository: GATE });
  s.see(100, OPENED);
  s.see(20, CLOSED);
  const ofOther = [notice(OTHER), { ...opened, gate: OTHER }, notice(OTHER, 'restored')];
  const ofGate = [opened, { ...opened, text: 'An override by ada' }, restored, restored, restored];
  expect(s.end({ ...CLOSED, notified: [notice(GATE), ...ofGate, ...ofOther] })).toEqual([]);
});

test('finds an image on Azure that was closed and deleted, and stays open after another push', () => {
  const s = stage('azure');
  const gate = `${GATE}@${IMAGE}`;
  const known = { ...CLOSED, records: [{ ...record(GATE, 'closed'), gate }] };
  s.see(60, { ...known, closed: new Set([gate]) });
  s.hear({ kind: 'remove', image: IMAGE });
  s.see(60, { ...known, closed: new Set() });
  s.hear({ kind: 'push', image: IMAGE, repository: GATE, tag: 'v1' });
  s.see(15, { ...known, closed: new Set() });
  s.see(3 * 60, { ...known, closed: new Set() });
  const name = INVARIANTS.find(({ number }) => number === 3)?.name;
  expect(s.end(known)).toContain(`${name}: ${gate} is open though ${IMAGE} had closed it and nothing keeps it open`);
});
