// The form of a saved snapshot, checked when the file is read.
import * as v from 'valibot';
import { CLOUDS } from '../../config/config.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';
import type { Scan, Usage } from '../../shared/reconcile/observation.ts';
import { required } from '../../shared/runtime/problem.ts';

/** The version of the form. A file of another version is refused. */
export const VERSION = 1;

const string = required(v.string('text'));
const flag = v.boolean('true or false');
const count = required(v.pipe(v.number('a number'), v.integer('a whole number'), v.minValue(0, 'a number from 0')));
const TIME = 'a time, such as 2026-01-31T12:00:00.000Z';
const time = required(v.pipe(v.string(TIME), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, TIME)));
const strings = required(v.array(v.string('text'), 'a list of texts'));
const list = <Schema extends v.GenericSchema>(item: Schema) => required(v.array(item, 'a list'));
const one = <const Words extends readonly string[]>(words: Words) =>
  required(v.picklist(words, `one of ${words.join(', ')}`));

const severity = one(SEVERITIES);
const finding: v.GenericSchema<unknown, Finding> = v.object({
  vulnerability: string,
  aliases: strings,
  package: v.object({ name: string, version: string, fixedVersion: v.optional(v.string()) }),
  severity: v.variant('kind', [
    v.object({ kind: v.literal('known'), severity }),
    v.object({ kind: v.literal('unknown'), label: string }),
  ]),
  score: v.optional(v.number()),
  reportSeverity: v.optional(severity),
  fix: one(['available', 'none', 'unknown']),
  exploited: flag,
  epss: v.optional(v.number()),
  disclosedAt: v.optional(time),
  state: one(['active', 'suppressed', 'rejected']),
  report: v.optional(v.string()),
  link: v.optional(v.string()),
});

/** Places in the list of the repository's findings. */
const places = list(count);
const usage: v.GenericSchema<unknown, Usage> = v.object({
  inUseCount: v.exactOptional(count),
  lastInUseAt: v.exactOptional(time),
  lastPulledAt: v.exactOptional(time),
});
const report = v.object({
  id: v.optional(v.string()),
  status: one(['active', 'suppressed', 'resolved']),
  reportedAt: v.optional(time),
  isRepeated: v.optional(flag),
  findings: places,
});
const image = v.variant('presence', [
  v.object({ digest: string, presence: v.literal('gone'), reports: v.exactOptional(list(report)) }),
  v.object({
    digest: string,
    presence: v.literal('present'),
    tags: strings,
    tagged: flag,
    reports: list(report),
    usage: v.optional(usage),
  }),
]);
const scan: v.GenericSchema<unknown, Scan> = v.variant('kind', [
  v.object({ kind: v.literal('finished'), at: time }),
  v.object({ kind: v.literal('unproven'), detail: string }),
]);

const blocker = v.object({
  digest: string,
  tags: strings,
  untagged: v.optional(v.literal(true)),
  usage: v.optional(usage),
  since: time,
  violatedAt: time,
  findings: places,
  omittedFindings: count,
  closedAt: v.optional(time),
  inactive: v.optional(v.object({ at: time, why: one(['gone', 'outOfScope', 'exempted']) })),
});
const record = v.object({
  state: one(['open', 'closing', 'closed', 'opening', 'unexplained', 'waiting']),
  since: time,
  closedSince: v.optional(time),
  unexplainedSince: v.optional(time),
  waitingSince: v.optional(time),
  claimed: v.optional(flag),
  admittedAt: v.optional(time),
  blockers: list(blocker),
  omittedBlockers: count,
  override: v.optional(
    v.object({
      kind: one(['open', 'closed']),
      at: time,
      until: time,
      hasEnded: flag,
      notified: one(['nothing', 'begin', 'end']),
      logged: flag,
    }),
  ),
});
const gate = v.object({
  digest: v.optional(v.string()),
  record: v.optional(record),
  /** `gone`: the registry has no such repository or image. Absent: it was not read. */
  reading: v.optional(
    v.union([
      v.literal('gone'),
      v.object({
        lock: one(['current', 'otherForm', 'absent', 'unmarked']),
        inUse: v.optional(v.object({ by: string, setting: string })),
      }),
    ]),
  ),
});
const repository = v.object({
  registry: string,
  repository: string,
  findings: list(finding),
  images: list(image),
  scans: required(v.record(v.string(), scan, 'scans by digest')),
  gates: list(gate),
});

export const snapshotSchema = v.object({
  version: v.literal(VERSION),
  at: time,
  stack: string,
  isWhole: flag,
  targets: list(
    v.object({
      cloud: one(CLOUDS),
      region: v.optional(v.string()),
      settings: required(v.record(v.string(), v.unknown(), 'the settings of the function')),
      pausedAt: v.optional(time),
      scannerProblem: v.optional(v.string()),
      notes: strings,
      repositories: list(repository),
    }),
  ),
});

export type SavedSnapshot = v.InferOutput<typeof snapshotSchema>;
export type SavedTarget = SavedSnapshot['targets'][number];
export type SavedRepository = v.InferOutput<typeof repository>;
export type SavedImage = v.InferOutput<typeof image>;
export type SavedRecord = v.InferOutput<typeof record>;
