// Tests what a plan counts over all gates of a target, and which findings, uses and rules it names.
import { describe, expect, it } from 'vitest';
import { compareTarget } from '../../../cli/plan/compare.ts';
import { reasonOf, ruleOf } from '../../../cli/plan/reason.ts';
import type { StackSettings } from '../../../cli/plan/settings.ts';
import type { KnownGate, Repository } from '../../../cli/plan/snapshot.ts';
import { useText } from '../../../cli/plan/totals.ts';
import { blocker, digest, finding, GATE, hoursLater, NOW, present, record } from '../../shared/samples.ts';
import { awsSettings, azureSettings, HIGH, MEDIUM, REGISTRY, repositoryWith } from './planning.ts';

const IMAGE = { registry: REGISTRY, repository: 'team/app', digest: digest(1) };
const LOCKED: Partial<KnownGate> = {
  reading: { lock: 'current' },
  record: record({ blockers: [blocker({ findings: [HIGH], closedAt: hoursLater(-24) })] }),
};

const compare = (before: StackSettings, after: StackSettings, ...repositories: readonly Repository[]) =>
  compareTarget({ settings: before, repositories }, after, NOW);

const ENFORCE = awsSettings();
const AUDIT = awsSettings({ mode: 'audit' });
const STRICTER = awsSettings({ severityThreshold: 'medium' });

describe('a comparison', () => {
  const inUse = (count: number | undefined, number: number): Repository => ({
    ...repositoryWith([MEDIUM], { gate: { ...GATE, repository: `team/app-${number}` } }),
    images: [present({ findings: [MEDIUM], usage: count === undefined ? undefined : { inUseCount: count } })],
  });

  it('knows how many tasks use the images that decide', async () => {
    const { changes } = await compare(ENFORCE, STRICTER, inUse(3, 1), inUse(0, 2), inUse(undefined, 3));
    expect(changes.map(useText)).toEqual(['in use by 3 tasks or pods', 'not in use by tasks or pods', 'use unknown']);
    const two = {
      ...inUse(2, 1),
      images: [
        present({ findings: [MEDIUM], usage: { inUseCount: 1 } }),
        present({ findings: [MEDIUM], digest: digest(2), usage: { lastPulledAt: NOW } }),
      ],
    };
    const mixed = await compare(ENFORCE, STRICTER, two);
    expect(mixed.changes.map(useText)).toEqual(['in use by at least 1 task or pod, last pulled 2026-06-15']);
  });

  it('counts the closings that the brake limits, and those that are pending already', async () => {
    const exploited = { ...MEDIUM, exploited: true };
    const after = awsSettings({
      severityThreshold: 'medium',
      policy: { exploited: 'medium' },
      brakeExempt: 'exploited',
    });
    const waitsForBrake = repositoryWith([HIGH], { gate: { ...GATE, repository: 'team/waits' } });
    const isExempt = repositoryWith([exploited], { gate: { ...GATE, repository: 'team/exempt' } });
    const wasClosed = repositoryWith([HIGH], {
      gate: { ...GATE, repository: 'team/was' },
      record: record({
        state: { kind: 'waiting', for: 'audit' },
        blockers: [blocker({ findings: [HIGH], closedAt: hoursLater(-24) })],
      }),
    });
    const { changes, pending, braked, brakedPending, unchanged } = await compare(
      ENFORCE,
      after,
      inUse(1, 1),
      waitsForBrake,
      isExempt,
      wasClosed,
    );
    expect(changes.map(({ gate, change }) => [gate.repository, change])).toEqual([
      ['team/app-1', 'closes'],
      ['team/exempt', 'closes'],
    ]);
    // What was closed before closes again without the brake.
    expect({ pending, braked, brakedPending, unchanged }).toEqual({
      ...{ pending: 2, braked: 2 },
      ...{ brakedPending: 1, unchanged: 2 },
    });
  });

  it('leaves the gates of a registry alone that the config leaves out', async () => {
    const gate = { ...IMAGE, registry: REGISTRY.toUpperCase() };
    const repository = repositoryWith([HIGH], {
      gate,
      reading: { lock: 'unmarked' },
      record: record({ gate, claimed: true }),
    });
    const other = azureSettings({ azure: { registries: [REGISTRY.replace('acmeimages', 'another')] } });
    const compared = await compare(azureSettings(), other, repository);
    expect(compared).toMatchObject({ changes: [], unchanged: 0, left: { closed: 1 } });
  });

  it.each([
    ['image', 'repository'],
    ['repository', 'image'],
  ] as const)('hands the blockers over if the granularity changes from %s to %s', async (from, to) => {
    const gate = from === 'image' ? IMAGE : { registry: REGISTRY, repository: 'team/app' };
    const closed = record({
      gate,
      claimed: true,
      blockers: [blocker({ findings: [HIGH], closedAt: hoursLater(-24) })],
    });
    // The scanner does not report the findings any longer, which opens nothing.
    const repository: Repository = {
      registry: REGISTRY,
      repository: 'team/app',
      images: [present()],
      scans: {},
      gates: [{ gate, reading: { lock: 'unmarked' }, record: closed }],
    };
    const { changes, braked } = await compare(
      azureSettings({ azure: { granularity: from } }),
      azureSettings({ azure: { granularity: to } }),
      repository,
    );
    expect(changes.map((one) => [one.gate.digest, one.change, reasonOf(one)])).toEqual([
      [to === 'image' ? digest(1) : undefined, 'closes', 'CVE-2026-1001 (high) in openssl'],
      [from === 'image' ? digest(1) : undefined, 'opens', 'the config has no gate for it'],
    ]);
    expect(braked).toBe(0);
  });

  it('opens on the proof of a scan, and not without it', async () => {
    const known = { ...LOCKED, reading: { lock: 'current' as const } };
    const without = repositoryWith([], known);
    const scanned: Repository = { ...without, scans: { [digest(1)]: { kind: 'finished', at: hoursLater(-0.5) } } };
    const changesOf = async (repository: Repository) =>
      (await compare(ENFORCE, AUDIT, repository)).changes.map(({ change }) => change);
    expect(await changesOf(without)).toEqual(['opens']);
    // Both configs open it.
    expect(await changesOf(scanned)).toEqual(['mode']);
  });

  it('shows a bad feed: everything would close, and the limits take days', async () => {
    const feed = Array.from({ length: 1_000 }, (_, number) => inUse(1, number));
    const { changes, braked } = await compare(ENFORCE, STRICTER, ...feed);
    expect([changes.length, braked]).toEqual([1_000, 1_000]);
  });

  it('names the first finding of many, worst first, each once', async () => {
    const again = [
      HIGH,
      finding({ vulnerability: 'CVE-2026-1', package: { name: 'zlib', version: '1' } }),
      HIGH,
      MEDIUM,
    ];
    const { changes } = await compare(AUDIT, STRICTER, repositoryWith(again));
    expect(changes.map(({ findings }) => findings.map(({ vulnerability }) => vulnerability))).toEqual([
      ['CVE-2026-1', 'CVE-2026-1001', 'CVE-2026-1002'],
    ]);
  });
});

it('names the rule that decides', async () => {
  const team = { repositories: ['team/**'], mode: 'enforce' };
  const repository = repositoryWith([HIGH]);
  const [begins] = (await compare(AUDIT, awsSettings({ mode: 'audit', rules: [team] }), repository)).changes;
  expect(begins).toMatchObject({ change: 'closes', before: { mode: 'audit' }, after: { mode: 'enforce' } });
  expect(begins && ruleOf(begins)).toBe('rules[0] (team/**)');
  const closed = repositoryWith([HIGH], LOCKED);
  const [ends] = (await compare(awsSettings({ mode: 'audit', rules: [team] }), AUDIT, closed)).changes;
  expect([ends?.change, ends && ruleOf(ends)]).toEqual(['opens', "the stack's defaults"]);
  const onlyHere = awsSettings({ mode: 'audit', rules: [{ targets: ['aws/*/eu-west-1'], mode: 'enforce' }] });
  const elsewhere = awsSettings({ mode: 'audit', rules: [{ targets: ['aws/*/us-east-1'], mode: 'enforce' }] });
  expect((await compare(AUDIT, onlyHere, repository)).changes).toHaveLength(1);
  expect((await compare(AUDIT, elsewhere, repository)).changes).toEqual([]);
});
