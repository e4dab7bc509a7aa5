// The forms in which Defender may name an image and its severity, through the real workflow and the real query. None of
// them may be lost silently.
import { describe, expect, test } from 'vitest';
import { nameOf } from '../../../azure/function/registry-id.ts';
import { rowOfAssessment } from '../../../local/azure/assessment-wire.ts';
import type { AssessOptions } from '../../../local/azure/defender.ts';
import type { Json } from '../../../local/azure/tables.ts';
import type { RunningWorkspace } from '../../../local/azure/workspace.ts';
import { HOUR, type Image, REGISTRY, registryId, type Stage, stage, UNTOUCHED, type World } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const OTHERS = registryId('acmeimages2');

type Shape = Partial<AssessOptions>;

/** Reports an image so that either only the event or only its row can close the gate. */
async function reported(s: Stage, image: Image, shape: Shape, by: 'event' | 'sweep'): Promise<readonly string[]> {
  if (by === 'sweep') s.cloud.faults.addToBus({ kind: 'lose', to: 'LogicApp' });
  const ids = await s.report(image, shape);
  await s.runUntilIdle();
  if (by === 'sweep') await s.tick();
  return ids;
}

describe.each(['event', 'sweep'] as const)('closed by the %s', (by) => {
  test.each<[string, Shape]>([
    ['only CVE ids, with the severity of the recommendation', {}],
    ['only CVE ids, as text', { cvesAs: 'text' }],
    ['no CVEs', { cvesAs: 'missing' }],
    ['keys in camelCase', { casing: 'camel' }],
    ['`resourceAdditionalData` as JSON text', { additionalAs: 'text' }],
    ['`resourceAdditionalData` as JSON text, keys in camelCase', { additionalAs: 'text', casing: 'camel' }],
    ['an id with a path', { naming: 'path' }],
    ['only an id with a path names the image', { naming: 'path', additionalAs: 'missing' }],
    ['only a dashed id names the image', { naming: 'dashed', additionalAs: 'missing' }],
    ['a dashed id right after the name of the registry', { naming: 'joined' }],
    [
      'only a dashed id right after the name of the registry names the image',
      { naming: 'joined', additionalAs: 'missing' },
    ],
    ['no registry', { naming: 'nameless' }],
    ['no registry, and details as text', { naming: 'nameless', additionalAs: 'text' }],
    ['no registry, and only a dashed id', { naming: 'nameless', additionalAs: 'missing' }],
    ['no id of the image', { naming: 'nothing' }],
  ])('%s', async (_name, shape) => {
    const s = await stage();
    const image = s.push('v1');
    s.push('v1', 'team-app');
    await reported(s, image, shape, by);
    expect(await s.world()).toEqual(CLOSED);
    expect(await s.pull('v1')).toBe('refused');
    expect(await s.pull('v1', 'team-app')).toBe('pulled');
    expect(s.cloud.logicApp.runs.map(({ succeeded }) => succeeded)).toEqual(by === 'event' ? [true] : []);
    expect(s.lines('unattributed')).toEqual([]);
    if (by === 'sweep') expect(s.lines('attribution')).toMatchObject([{ gone: 0, unattributed: 0, unread: 0 }]);
  });

  /** The event logs a separate line. The sweep logs the count and the id. */
  function expectLogged(s: Stage, line: object, id: string): void {
    const counts = { attributed: 0, gone: 0, unattributed: 1, unread: 0, assessments: [nameOf(id)] };
    const [kind, wanted] = by === 'event' ? ['unattributed', line] : ['attribution', counts];
    expect(s.lines(kind)).toEqual([{ kind, ...wanted }]);
  }

  test('no registry, and the image is in two registries of the stack: closed in both', async () => {
    const s = await stage({ azure: { registries: [REGISTRY, OTHERS] } }, { registries: { [OTHERS]: {} } });
    const registries = [s.registry, s.cloud.acr.registry(OTHERS)];
    const [digest = ''] = registries.map((one) => one.push('team/app', { tag: 'v1', content: 'the same' }));
    await reported(s, { registry: REGISTRY, repository: 'team/app', digest }, { naming: 'nameless' }, by);
    expect(registries.map((one) => one.attributes('team/app', { digest }).readEnabled)).toEqual([false, false]);
  });

  test('no registry, and the image is in a registry outside the stack: nothing is closed', async () => {
    const s = await stage();
    const digest = s.cloud.acr.addRegistry(OTHERS).push('team/app', { tag: 'v1' });
    const image = { registry: OTHERS, repository: 'team/app', digest };
    const [id = ''] = await reported(s, image, { naming: 'nameless' }, by);
    expect(await s.world()).toEqual(UNTOUCHED);
    const why = `none of the stack's registries that pullgate can read has the image team/app@${digest}`;
    expectLogged(s, { assessment: nameOf(id), why }, id);
  });

  test('nothing names the image: logged with its id, and counted', async () => {
    const s = await stage();
    const image = s.push('v1');
    const [id = ''] = await reported(s, image, { naming: 'nothing', additionalAs: 'missing' }, by);
    expect(await s.world()).toEqual(UNTOUCHED);
    expectLogged(s, { assessment: id, why: 'the event does not name both a repository and a digest' }, id);
  });
});

describe('an event', () => {
  test('about an image in a registry that does not respond is retried, and closes once the registry responds', async () => {
    const s = await stage();
    s.cloud.faults.add({ kind: 'error', service: 'acr', status: 403, code: 'DENIED', message: 'no', times: 1 });
    await s.report(s.push('v1'), { naming: 'nameless' });
    await s.runUntilIdle();
    expect(s.lines('failed')).toHaveLength(1);
    expect(await s.world()).toEqual(CLOSED);
  });

  test.each([
    ['camelCase', 'camel'],
    ['PascalCase', 'pascal'],
  ] as const)('calls the Logic App for only its resource type in %s', async (_name, casing) => {
    const s = await stage();
    const [id = ''] = await s.report(s.push('v1'), { naming: 'nameless', casing, event: false });
    const event: { readonly id: string; readonly properties?: object } = s.cloud.defender.eventOf(id);
    await s.cloud.defender.sendEvent({ ...event, properties: { ...event.properties, metadata: undefined } });
    await s.runUntilIdle();
    expect(s.cloud.logicApp.runs).toMatchObject([{ succeeded: true }]);
  });
});

describe('an event about an image in several places', () => {
  test('with a dashed id, and the digest in team-app and team/app: both are closed, and the event is done', async () => {
    const s = await stage();
    const digests = ['team/app', 'team-app'].map((name) => s.registry.push(name, { tag: 'v1', content: 'the same' }));
    const [digest = ''] = digests;
    await s.report({ registry: REGISTRY, repository: 'team/app', digest }, { additionalAs: 'missing' });
    await s.runUntilIdle();
    expect(digests).toEqual([digest, digest]);
    expect((await s.world()).locked).toHaveLength(2);
    expect((await s.world()).poison).toEqual([]);
  });

  test('if one place cannot be observed: the other is closed, and the event is retried', async () => {
    const s = await stage({ azure: { registries: [REGISTRY, OTHERS] } }, { registries: { [OTHERS]: {} } });
    const registries = [s.registry, s.cloud.acr.registry(OTHERS)];
    const [digest = ''] = registries.map((one) => one.push('team/app', { tag: 'v1', content: 'the same' }));
    // The first two calls locate the image. The third observes the first place.
    s.cloud.faults.add({
      kind: 'error',
      service: 'acr',
      operation: 'GetManifest',
      status: 403,
      code: 'DENIED',
      message: 'no',
      nth: 3,
    });
    await s.report({ registry: REGISTRY, repository: 'team/app', digest }, { naming: 'nameless' });
    await s.deliver();
    expect(registries.map((one) => one.attributes('team/app', { digest }).readEnabled)).toEqual([true, false]);
    expect(s.lines('failed')).toHaveLength(1);
    await s.runUntilIdle();
    expect(registries.map((one) => one.attributes('team/app', { digest }).readEnabled)).toEqual([false, false]);
  });
});

describe('a row that Defender might write, although it was never seen', () => {
  const bare = { CveId: 'CVE-2026-1001' };
  test.each<[string, Json, Json]>([
    ['an empty severity', { CvesDetails: [{ ...bare, Severity: '', Cvss: [] }] }, 'Critical'],
    ['the severity Unknown', { CvesDetails: [{ ...bare, Severity: 'Unknown' }] }, 'Critical'],
    ['CVSS as text', { CvesDetails: [{ ...bare, Cvss: '[{"Key":"3","Value":{"Base":"9.8"}}]' }] }, 'Low'],
    ['details as text', JSON.stringify({ CvesDetails: JSON.stringify([bare]) }), 'Critical'],
    ['no list', { SoftwareName: 'openssl' }, 'Critical'],
  ])('%s: closed by the sweep', async (_name, RecommendationAdditionalData, RecommendationSeverity) => {
    const s = await stage();
    const [id = ''] = await s.report(s.push('v1'), { event: false });
    const assessment = s.cloud.defender.assessment(id);
    if (assessment === undefined) throw new Error('Defender has made no assessment');
    const row = rowOfAssessment(assessment, s.cloud.clock.now().getTime(), false);
    (s.cloud.workspace as RunningWorkspace).ingest('SecurityRecommendation', {
      ...row,
      RecommendationAdditionalData,
      RecommendationSeverity,
    });
    await s.tick();
    expect(await s.world()).toEqual(CLOSED);
  });
});

describe('a repository gate', () => {
  test.each(['event', 'sweep'] as const)('is closed by the %s for an image that no row places', async (by) => {
    const s = await stage({ azure: { granularity: 'repository' } });
    await reported(s, s.push('v1'), { naming: 'nameless', additionalAs: 'missing' }, by);
    expect((await s.world()).locked).toEqual(['team/app readEnabled']);
  });
});

describe('an inherited severity', () => {
  test('is marked in the log and in the mail', async () => {
    const s = await stage();
    const { digest } = await s.close('v1');
    const [{ images = [], message = '' } = {}] = s.decisions();
    expect(images).toMatchObject([
      { digest, reasons: [{ severity: 'critical', inherited: true, rule: 'severityThreshold' }] },
    ]);
    expect(message).toContain(
      'violates the policy with CVE-2026-1001 in openssl (critical, inherited from the report, severityThreshold)',
    );
    expect(s.cloud.mails[0]?.plainText).toContain('CVE-2026-1001 (critical, inherited from the report) in openssl');
  });

  test('that is no longer reported opens nothing', async () => {
    const s = await stage();
    const image = await s.close('v1');
    s.cloud.clock.advance(HOUR);
    await s.report(image, { severity: 'Unknown' });
    await s.runUntilIdle();
    await s.sweep();
    expect(await s.world()).toEqual(CLOSED);
  });

  test('that falls below the threshold opens', async () => {
    const s = await stage();
    const image = await s.close('v1');
    s.cloud.clock.advance(HOUR);
    await s.report(image, { severity: 'Low' });
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
  });
});

describe('the unattributed images that a sweep counts', () => {
  test('exclude deleted images if others are found', async () => {
    const s = await stage();
    const [deleted, kept] = [s.push('v1'), s.push('v2')];
    for (const image of [deleted, kept]) await s.report(image, { naming: 'nameless' });
    await s.runUntilIdle();
    s.registry.delete('team/app', deleted.digest);
    await s.sweep();
    expect(s.lines('attribution').at(-1)).toEqual({
      kind: 'attribution',
      attributed: 1,
      gone: 1,
      unattributed: 0,
      unread: 0,
      assessments: [],
    });
  });

  test('include all images if none is found by its digest', async () => {
    const s = await stage();
    const image = s.push('v1');
    await s.report({ ...image, digest: `sha256:${'e'.repeat(64)}` }, { naming: 'nameless' });
    await s.runUntilIdle();
    await s.sweep();
    expect(s.lines('attribution').at(-1)).toMatchObject({ attributed: 0, gone: 0, unattributed: 1 });
  });

  test('exclude images that may be in a registry that does not respond: they count as unread, the others are swept, and the error is logged', async () => {
    const s = await stage({ azure: { registries: [REGISTRY, OTHERS] } }, { registries: { [OTHERS]: {} } });
    s.cloud.faults.addToBus({ kind: 'lose', to: 'LogicApp' });
    const named = s.push('v1');
    const there = s.cloud.acr.registry(OTHERS).push('team/there', { tag: 'v1' });
    await s.report(named);
    await s.report({ registry: OTHERS, repository: 'team/there', digest: there }, { naming: 'nameless' });
    s.cloud.faults.add({
      kind: 'error',
      service: 'acr',
      operation: 'ListManifests',
      status: 403,
      code: 'DENIED',
      message: 'blocked by the firewall',
      times: 2,
    });
    await s.runUntilIdle();
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
    expect(s.lines('attribution')).toMatchObject([{ attributed: 0, unattributed: 0, unread: 1 }]);
    expect(s.lines('failed')[0]?.['error']).toContain('blocked by the firewall');
    await s.sweep();
    expect((await s.world()).locked).toHaveLength(2);
  });

  test('are unknown if one answer cannot hold the list of images: one counts as unread, and the rest is swept', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose', to: 'LogicApp' });
    await s.report(s.push('v1'));
    s.cloud.faults.add({
      kind: 'error',
      service: 'logs',
      status: 504,
      code: 'GatewayTimeout',
      message: 'too long',
      times: 1_000,
      where: ({ input }) => String(input['query']).includes('take_any'),
    });
    await s.runUntilIdle();
    await s.tick();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.lines('attribution')).toMatchObject([{ unattributed: 0, unread: 1 }]);
  });

  test('exclude images that name their registry, and healthy images', async () => {
    const s = await stage();
    await s.close('v1');
    await s.report(s.push('v2'), { naming: 'nameless', status: 'Healthy' });
    await s.runUntilIdle();
    await s.sweep();
    const counts = { attributed: 0, gone: 0, unattributed: 0, unread: 0, assessments: [] };
    expect(s.lines('attribution').at(-1)).toEqual({ kind: 'attribution', ...counts });
  });
});

test('an unrelated registry in a resource group with non-ASCII letters: ignored, not moved to the poison queue', async () => {
  const s = await stage();
  const umlaut = OTHERS.replace('/images/', '/größe-日本/');
  const digest = s.cloud.acr.addRegistry(umlaut).push('team/app', { tag: 'v1' });
  await s.report({ registry: umlaut, repository: 'team/app', digest });
  await s.runUntilIdle();
  await s.sweep();
  expect(await s.world()).toEqual(UNTOUCHED);
  expect(s.lines('ignored')).toEqual([{ kind: 'ignored', why: "the registry acmeimages2 is not one of the stack's" }]);
});
