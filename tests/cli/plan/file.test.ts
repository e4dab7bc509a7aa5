// Tests the file of a snapshot: what it keeps, that it gives the same plan, and what is refused.
import { describe, expect, it } from 'vitest';
import { parseSnapshot, textOf } from '../../../cli/plan/file.ts';
import { makePlan } from '../../../cli/plan/make-plan.ts';
import type { Repository } from '../../../cli/plan/snapshot.ts';
import {
  anOverride,
  blocker,
  digest,
  finding,
  GATE,
  hoursLater,
  notice,
  present,
  record,
} from '../../shared/samples.ts';
import { fileOf, pullgate } from '../command.ts';
import { awsTarget, HIGH, MEDIUM, repositoryWith, snapshotOf, workingConfig } from './planning.ts';

const named = (name: string, repository: Repository): Repository => ({
  ...repository,
  repository: name,
  gates: repository.gates.map((known) => ({ ...known, gate: { ...known.gate, repository: name } })),
});
const UNKNOWN = finding({ vulnerability: 'CVE-2026-5005', severity: 'untriaged' });

/** Every kind of gate and image. */
const RICH = snapshotOf(
  awsTarget({
    notes: ['AWS: a note'],
    repositories: [
      named('team/open', {
        ...repositoryWith([MEDIUM, UNKNOWN]),
        images: [
          present({ findings: [MEDIUM, UNKNOWN], usage: { inUseCount: 3, lastInUseAt: hoursLater(-1) } }),
          present({ digest: digest(2), findings: [MEDIUM] }),
          { digest: digest(3), presence: 'gone' },
          { digest: digest(4), presence: 'gone', reports: [{ status: 'resolved', findings: [] }] },
        ],
      }),
      named('team/closed', {
        ...repositoryWith([], {
          reading: { lock: 'otherForm' },
          record: record({
            pending: [notice()],
            blockers: [blocker({ findings: [HIGH, MEDIUM], closedAt: hoursLater(-24) })],
          }),
        }),
        scans: {
          [digest(1)]: { kind: 'finished', at: hoursLater(-0.5) },
          [digest(2)]: { kind: 'unproven', detail: 'off' },
        },
      }),
      named(
        'team/lambda',
        repositoryWith([HIGH], {
          reading: { lock: 'absent', inUse: { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' } },
        }),
      ),
      named(
        'team/order',
        repositoryWith([HIGH], {
          record: record({
            state: { kind: 'waiting', for: 'refused', problem: 'the text of a policy', cause: 'x' },
            override: anOverride({ reason: 'a reason of ours' }),
          }),
        }),
      ),
      named(
        'team/ended',
        repositoryWith([HIGH], {
          record: record({ state: { kind: 'open' }, override: anOverride({ endedBy: 'ada' }) }),
        }),
      ),
      named('team/gone', repositoryWith([HIGH], { reading: 'gone' })),
      named('team/unread', { ...repositoryWith([HIGH]), gates: [{ gate: GATE }] }),
    ],
  }),
);

describe('the file', () => {
  const text = textOf(RICH);

  it.each([
    { mode: 'audit' },
    { severityThreshold: 'medium' },
    { severityThreshold: 'critical' },
    { aws: { closeLambdaRepositories: true } },
    { aws: { repositories: { exclude: ['team/**'] } } },
  ])('gives the same plan: %j', async (keys) => {
    const config = workingConfig({ ...keys, policy: { images: 'all' } });
    const plan = await makePlan(RICH, config);
    expect(await makePlan(parseSnapshot(text, 'snapshot.json'), config)).toEqual(plan);
    expect(plan.targets[0]?.changes.length).toBeGreaterThan(0);
  });

  it('has no notice, and nothing that a person wrote, nor names of people and roles', () => {
    for (const word of ['pending', 'a reason of ours', 'Grace', 'ada', 'the text of a policy', 'publisher']) {
      expect(text).not.toContain(word);
    }
  });

  it('writes a finding once for each repository', () => {
    const [first] = JSON.parse(text).targets[0].repositories;
    expect(first.findings).toHaveLength(2);
    expect(first.images[1].reports.map(({ findings }: { findings: unknown }) => findings)).toEqual([[0]]);
  });
});

describe('a file that is refused', () => {
  const good = JSON.parse(textOf(RICH));
  const changed = (change: (copy: typeof good) => void) => {
    const copy = structuredClone(good);
    change(copy);
    return JSON.stringify(copy);
  };
  it.each([
    [
      'cut off',
      textOf(RICH).slice(0, 300),
      /^pullgate: \S+ is not JSON \(.+\); was it cut off\? Give a file that `pullgate plan --save FILE` wrote\n$/,
    ],
    [
      'another document',
      '{"pullgate:mode": "enforce"}',
      /is not a snapshot that this version of pullgate reads \(it has no version, and not 1\)/,
    ],
    ['no document', '17', /it has no version/],
    [
      'another version',
      changed((copy) => (copy.version = 2)),
      /\(it has version 2, and not 1\): give a file that `pullgate plan --save FILE` wrote with this version\n$/,
    ],
    [
      'a missing field',
      changed((copy) => delete copy.targets[0].repositories[0].findings[0].severity),
      /is not a valid snapshot: .+\n {2}targets\[0\][.]repositories\[0\][.]findings\[0\][.]severity/,
    ],
    ['no time', changed((copy) => (copy.at = 'yesterday')), /\n {2}at is "yesterday": expected a time, such as 2026/],
    [
      'a place without a finding',
      changed((copy) => (copy.targets[0].repositories[0].findings = [])),
      /\n {2}team\/open: there is no finding 0\n$/,
    ],
    [
      'a blocker without a finding',
      changed((copy) => (copy.targets[0].repositories[1].gates[0].record.blockers[0].findings = [])),
      /\n {2}team\/closed: the blocker sha256:0+1 has no finding\n$/,
    ],
    [
      'settings that no function has',
      changed((copy) => (copy.targets[0].settings.mode = 'both')),
      /settings[.]mode is "both": expected enforce or audit\n$/,
    ],
  ])('%s', async (_name, text, message) => {
    const config = fileOf('{"pullgate:mode": "audit"}');
    const { code, stdout, stderr } = await pullgate(['plan', fileOf(text), '--config', config]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
  });

  it('is named if it is not there', async () => {
    const { code, stderr } = await pullgate(['plan', 'missing.json', '--config', fileOf('{"pullgate:mode": "audit"}')]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^pullgate: missing[.]json cannot be read \(ENOENT/)]);
  });
});
