// Tests what `status` says about the evidence: undetermined images, inherited severities, reports without an image,
// events without a row, and details that could not be read.
import { describe, expect, it } from 'vitest';
import { countInherited, evidenceLines } from '../../../cli/status/evidence.ts';
import { readStatus } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import { REGISTRY, registryId, type Stage, stage } from '../../e2e/azure/stage.ts';
import { blocker, digest, finding, record } from '../../shared/samples.ts';
import { azureClientHere, leastToObserveOnAzure } from '../command-observing.ts';

const NONE = { closed: 0, inherited: 0 };
const SECURITY = { role: 'Security Reader', scope: '/providers/Microsoft.Management/managementGroups/platform' };

/** The status of the stack, with `--live`, for an operator with the roles that it needs. */
async function liveStatus(s: Stage, more: readonly Grant[] = [SECURITY]) {
  const now = () => s.cloud.clock.now().toISOString();
  const client = await azureClientHere(s, now, [...Object.values(leastToObserveOnAzure(s.graph)), ...more]);
  return readStatus({ stack: 'dev', clients: [client], now, isLive: true });
}

/** The lines below `Evidence:`. */
function evidenceIn(lines: readonly string[]): readonly string[] {
  const begin = lines.indexOf('  Evidence:');
  if (begin < 0) return [];
  const end = lines.indexOf('', begin);
  return lines.slice(begin + 1, end < 0 ? undefined : end).map((line) => line.trim());
}

/** An event about an assessment of this image that has no row. */
async function sendForgotten(s: Stage, tag: string) {
  const image = s.push(tag);
  const [id = ''] = await s.report(image, { event: false });
  const event = s.cloud.defender.eventOf(id);
  s.cloud.defender.forget(id);
  await s.cloud.defender.sendEvent(event);
  return image;
}

describe('status --live on Azure', () => {
  it('has one line for each kind, and each in its JSON', async () => {
    const s = await stage({ azure: { cveDetails: { managementGroupId: 'platform' } } });
    s.cloud.cveDetails.set({ id: 'CVE-2026-1001', severity: 'Critical', score: 9.8 });
    await s.close('v1');
    await s.report(s.push('v2'), { cves: [{ id: 'CVE-2026-4711' }], severity: 'Critical' });
    await s.report(s.push('v3'), { cves: [{ id: 'CVE-2026-4712' }], severity: 'Dire' });
    const forgotten = await sendForgotten(s, 'v4');
    const gone = await sendForgotten(s, 'v5');
    await s.runUntilIdle();
    await s.report(s.push('v6'), { naming: 'nothing', additionalAs: 'missing' });
    await s.runUntilIdle();
    s.registry.delete('team/app', gone.digest);
    s.cloud.faults.add({ kind: 'error', status: 400, code: 'BadRequest', message: 'no', service: 'graph', times: 99 });

    const status = await liveStatus(s);
    const without = `acmeimages.azurecr.io/team/app@${forgotten.digest}`;
    expect(evidenceIn(statusLines(status))).toEqual([
      'undetermined: 1 of 3 images, because a severity is unknown',
      'only inherited severities: 1 of 2 closed gates',
      expect.stringMatching(
        /^unattributed: recommendations for 1 image in no registry of the stack, such as the assessment [0-9a-f-]+$/,
      ),
      `no row: 1 image with events in the poison queue that Log Analytics does not confirm: ${without}`,
      expect.stringMatching(/^details of 3 of 3 CVEs could not be read, .+ answers 400/),
    ]);
    expect(JSON.parse(JSON.stringify(status.clouds))).toMatchObject([
      {
        inherited: { closed: 2, inherited: 1 },
        live: {
          judgedImages: 3,
          undetermined: [{ vulnerabilities: ['CVE-2026-4712'] }],
          unattributed: { unattributed: 1, unread: 0, assessments: [expect.any(String)] },
          withoutRow: [without],
          unreadDetails: { asked: 3, unread: 3, error: expect.any(String) },
        },
      },
    ]);
  });

  it('has no line if nothing is wrong', async () => {
    const s = await stage({ azure: { cveDetails: { managementGroupId: 'platform' } } });
    for (const id of ['CVE-2026-4711', 'CVE-2026-1001'])
      s.cloud.cveDetails.set({ id, severity: 'Critical', score: 9.8 });
    await s.report(s.push('v1'), { cves: [{ id: 'CVE-2026-4711' }], severity: 'Low' });
    await s.report(s.push('v2'), { naming: 'nothing' });
    await s.runUntilIdle();
    s.cloud.poisonQueue.send('not base64');
    s.cloud.poisonQueue.send(Buffer.from('{"no":"event"}').toString('base64'));
    const status = await liveStatus(s);
    expect(status.clouds[0]?.gates).toHaveLength(2);
    expect(evidenceIn(statusLines(status))).toEqual([]);
  });

  it('reads events in plain text', async () => {
    const s = await stage();
    const image = await sendForgotten(s, 'v1');
    await s.runUntilIdle();
    const { poison } = await s.world();
    s.cloud.poisonQueue.purge();
    expect((await liveStatus(s)).clouds[0]?.live?.withoutRow).toEqual([]);
    // A field that the function ignores holds every character that XML escapes.
    s.cloud.poisonQueue.send(JSON.stringify({ ...(poison[0] as object), note: `<&>"' &amp;` }));
    const { live } = (await liveStatus(s)).clouds[0] ?? {};
    expect(live?.withoutRow).toEqual([`acmeimages.azurecr.io/team/app@${image.digest}`]);
    expect(live?.unsure).toEqual([]);
  });

  it('says that there may be more images if the poison queue has more messages than one call returns', async () => {
    const s = await stage();
    await sendForgotten(s, 'v1');
    await s.runUntilIdle();
    for (let number = 0; number < 32; number++) s.cloud.poisonQueue.send('not base64');
    expect((await liveStatus(s)).clouds[0]?.live?.unsure).toEqual([
      'images without a row: at least 1, because only 32 of 33 messages in the poison queue could be read',
    ]);
  });

  it('finds an image whose twin in another registry is on record', async () => {
    const others = registryId('acmeimages2');
    const s = await stage({ azure: { registries: [REGISTRY, others] } }, { registries: { [others]: {} } });
    const [digest = ''] = [s.registry, s.cloud.acr.registry(others)].map((registry) =>
      registry.push('team/app', { tag: 'v1', content: 'the same' }),
    );
    await s.report({ registry: REGISTRY, repository: 'team/app', digest });
    await s.runUntilIdle();
    await s.report({ registry: others, repository: 'team/app', digest });
    const roles = ['Reader', 'AcrPull'].map((role) => ({ role, scope: others }));
    expect((await liveStatus(s, roles)).clouds[0]?.live?.missed).toMatchObject([
      { registry: others, repository: 'team/app', digest },
    ]);
  });

  it('finds the row that arrived after the event was given up', async () => {
    const s = await stage();
    s.cloud.workspace.ingestionDelayMilliseconds = 3 * 3_600_000;
    await s.report(s.push('v1'));
    await s.runUntilIdle();
    expect((await s.world()).poison).toHaveLength(1);
    expect((await liveStatus(s)).clouds[0]?.live?.withoutRow).toHaveLength(1);
    s.cloud.clock.advance(2 * 3_600_000);
    expect((await liveStatus(s)).clouds[0]?.live?.withoutRow).toEqual([]);
  });
});

describe('the closed gates that rest on inherited severities', () => {
  const inherited = finding({ severity: 'none given', reportSeverity: 'critical' });
  const closed = (changes: Partial<GateRecord>) => record({ state: { kind: 'closed' }, ...changes });
  it.each<[string, readonly GateRecord[], ReturnType<typeof countInherited>]>([
    [
      'have only such findings',
      [closed({ blockers: [blocker({ findings: [inherited] })] })],
      { closed: 1, inherited: 1 },
    ],
    [
      'have no finding with a severity of its own',
      [closed({ blockers: [blocker({ findings: [inherited] }), blocker({ digest: digest(2) })] })],
      { closed: 1, inherited: 0 },
    ],
    ['are not those of an override, which have no findings', [closed({ blockers: [] })], NONE],
    [
      'are not those that wait',
      [record({ state: { kind: 'waiting', for: 'brake' }, blockers: [blocker({ findings: [inherited] })] })],
      NONE,
    ],
  ])('%s', (_name, records, expected) => {
    expect(countInherited(records)).toEqual(expected);
  });
});

describe('a line', () => {
  const images = ['a', 'b', 'c', 'd'].map((one) => `contoso.azurecr.io/team/${one}@${digest(1)}`);
  it.each<[string, Parameters<typeof evidenceLines>, string]>([
    [
      'about several images names three',
      [NONE, { withoutRow: images }],
      `no row: 4 images with events in the poison queue that Log Analytics does not confirm: ${images.slice(0, 3).join(', ')} and 1 more`,
    ],
    [
      'about images that may be somewhere says so',
      [NONE, { unattributed: { unattributed: 2, unread: 1, assessments: [] } }],
      'unattributed: recommendations for 2 images in no registry of the stack, and for 1 image that may be in a registry which does not respond',
    ],
    [
      'about images in a silent registry names no others',
      [NONE, { unattributed: { unattributed: 0, unread: 3, assessments: [] } }],
      'unattributed: recommendations for 3 images that may be in a registry which does not respond',
    ],
  ])('%s', (_name, asked, expected) => {
    expect(evidenceLines(...asked)).toEqual([expected]);
  });

  it('is about the records alone without --live', () => {
    expect(evidenceLines({ closed: 5, inherited: 2 }, undefined)).toHaveLength(1);
  });
});
