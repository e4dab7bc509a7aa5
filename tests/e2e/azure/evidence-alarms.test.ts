// The alerts about the evidence, over the log of a deployed stack: each is raised in its case, and ends after it.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../local/azure/tables.ts';
import { isRaised } from '../../azure/component/raised.ts';
import { DAY, HOUR, type Stage, stage } from './stage.ts';

const ALARMS = ['unattributed', 'no-row', 'undetermined', 'inherited', 'details'];

/** The alerts that are raised now. */
function raised({ cloud }: Stage): readonly string[] {
  const now = cloud.clock.now().getTime();
  const lines = cloud.logs.flatMap(({ json, at }) =>
    json === undefined ? [] : [[(now - at.getTime()) / HOUR, json as Readonly<Record<string, Json>>] as const],
  );
  return ALARMS.filter((name) => isRaised(name, lines));
}

const tags = Array.from({ length: 6 }, (_, index) => `v${index + 1}`);
const READS_DETAILS = { cveDetails: { managementGroupId: 'platform' } };

describe.each(['image', 'repository'] as const)('with gates that are one %s each', (granularity) => {
  test('undetermined images are those of the newest sweep', async () => {
    const s = await stage({ azure: { granularity } });
    const images = tags.map((tag) => s.push(tag));
    const ids = await Promise.all(
      images.map((image, index) => s.report(image, { severity: 'Dire', cves: [{ id: `CVE-2026-500${index}` }] })),
    );
    await s.sweep();
    expect(raised(s)).toEqual(['undetermined']);
    for (const id of ids) await s.setStatus(id, 'Healthy');
    await s.sweep();
    expect(raised(s)).toEqual([]);
  });

  test('a few undetermined images raise no alert', async () => {
    const s = await stage({ azure: { granularity } });
    for (const tag of tags.slice(2)) await s.report(s.push(tag), { severity: 'Dire', cves: [{ id: 'CVE-2026-5000' }] });
    await s.sweep();
    expect(raised(s)).toEqual([]);
  });
});

describe('with details of CVEs', () => {
  test('details that two sweeps could not read, and the closings on inherited severities', async () => {
    const s = await stage({ azure: READS_DETAILS });
    const heal = s.cloud.faults.add({ kind: 'serverError', service: 'graph', times: 10_000 });
    for (const [index, tag] of tags.entries()) {
      const cves = [0, 1].map((other) => ({ id: `CVE-2026-6${index}0${other}` }));
      for (const { id } of cves) s.cloud.cveDetails.set({ id, severity: 'Critical', score: 9.8 });
      await s.report(s.push(tag), { cves, severity: 'Critical' });
    }
    await s.runUntilIdle();
    // All of it may be one failure.
    expect(raised(s)).toEqual(['inherited']);
    await s.sweep();
    expect(raised(s)).toEqual(['inherited', 'details']);
    heal();
    await s.sweep();
    await s.sweep();
    expect(raised(s)).toEqual(['inherited']);
    s.cloud.clock.advance(2 * DAY);
    expect(raised(s)).toEqual([]);
  });

  test('nothing if they are read', async () => {
    const s = await stage({ azure: READS_DETAILS });
    for (const [index, tag] of tags.entries()) {
      const id = `CVE-2026-700${index}`;
      s.cloud.cveDetails.set({ id, severity: 'Critical', score: 9.8 });
      await s.report(s.push(tag), { cves: [{ id }], severity: 'Low' });
    }
    await s.runUntilIdle();
    await s.sweep();
    expect(s.decisions().filter(({ action }) => action === 'closed')).toHaveLength(6);
    expect(raised(s)).toEqual([]);
  });
});

test('events of two images without a row, half an hour after them', async () => {
  const s = await stage();
  s.cloud.workspace.ingestionDelayMilliseconds = 50 * 60_000;
  for (const tag of tags.slice(0, 2)) await s.report(s.push(tag));
  await s.runUntilIdle();
  expect(s.decisions().filter(({ action }) => action === 'closed')).toHaveLength(2);
  expect(raised(s)).toEqual(['no-row']);
  s.cloud.clock.advance(HOUR);
  expect(raised(s)).toEqual([]);
});
