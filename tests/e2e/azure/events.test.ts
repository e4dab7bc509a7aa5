// Early, repeated, invalid and forged events. An event says what to observe, and is never trusted to be true.
import { describe, expect, test } from 'vitest';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { forwarded } from '../../forwarded.ts';
import {
  CRITICAL,
  expectWaited,
  HOUR,
  type Image,
  MINUTE,
  REGISTRY,
  type Stage,
  stage,
  UNTOUCHED,
  type World,
} from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const MINUTES_OF_RETURNS = [1, 2, 4, 8, 16, 32, 57];

/** An event about an assessment that Defender never made. */
async function forge({ cloud, report }: Stage, image: Image) {
  const [id = ''] = await report(image, { event: false });
  const event = cloud.defender.eventOf(id);
  cloud.defender.forget(id);
  await cloud.defender.sendEvent(event);
  return event;
}

describe('an event and its row', () => {
  test('a forged event, with identifiers that no row confirms: closes nothing, and moves to the poison queue after its retries', async () => {
    const s = await stage();
    const image = s.push('v1');
    const event = await forge(s, image);
    const { id } = event;
    const start = s.cloud.clock.now().getTime();
    await s.runUntilIdle();
    const { digest } = image;
    expect(await s.world()).toEqual({
      ...UNTOUCHED,
      poison: [{ ...forwarded(event), at: '2026-03-02T09:00:00.000Z', tries: 0 }],
    });
    expect(await s.pull('v1')).toBe('pulled');
    expectWaited(s.cloud.clock.now().getTime() - start, 2 * HOUR);
    expect(s.lines('retried').map(({ minutes, deadLettered }) => minutes ?? deadLettered)).toEqual([
      ...MINUTES_OF_RETURNS,
      true,
    ]);
    const noRowFor = `${REGISTRY}/team/app@${digest}`;
    for (const line of s.lines('retried'))
      expect(line).toMatchObject({
        why: `${noRowFor}: the scanner does not list ${id.split('/').at(-1)} yet`,
        noRowFor,
      });
    expect(s.calls('acr:UpdateManifest')).toBe(0);
    await s.tick();
    expect(s.lines('tick').at(-1)).toMatchObject({ poison: 1 });
  });

  test('a forged event that names a real assessment of another image: closes nothing', async () => {
    const s = await stage();
    const vulnerable = s.push('v1');
    const good = s.push('v2');
    const [id = ''] = await s.report(vulnerable);
    await s.runUntilIdle();
    s.send({ assessment: id, ...naming({ repository: good.repository, digest: good.digest }) });
    await s.runUntilIdle();
    expect({ ...(await s.world()), poison: [] }).toEqual(CLOSED);
    expect((await s.world()).poison).toHaveLength(1);
    expect(await s.pull('v2')).toBe('pulled');
  });

  test('a row that is not ingested yet: the message is retried, and then closes', async () => {
    const s = await stage();
    s.cloud.workspace.ingestionDelayMilliseconds = 6 * MINUTE;
    const image = s.push('v1');
    await s.report(image);
    await s.deliver();
    expect(await s.world()).toEqual(UNTOUCHED);
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(await s.pull('v1')).toBe('refused');
    expect(s.lines('retried').map(({ minutes }) => minutes)).toEqual([1, 2, 4]);
    expect(s.decisions().map(({ action }) => action)).toEqual(['nothing', 'nothing', 'nothing', 'closed']);
  });

  test('a row that arrives after two hours, when the message is dead-lettered: the sweep closes', async () => {
    const s = await stage();
    s.cloud.workspace.ingestionDelayMilliseconds = 3 * HOUR;
    await s.report(s.push('v1'));
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
    await s.sweep();
    expect({ ...(await s.world()), poison: [] }).toEqual(CLOSED);
  });

  test('a lost event: the sweep closes', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'lose' });
    await s.report(s.push('v1'));
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
    await s.cloud.advance(6 * HOUR + 5 * MINUTE);
    expect(await s.world()).toEqual(CLOSED);
  });

  test('the same event 50 times: one write of the attribute, one mail', async () => {
    const s = await stage();
    s.cloud.faults.addToBus({ kind: 'duplicate', copies: 50 });
    await s.report(s.push('v1'));
    await s.runUntilIdle();
    expect(await s.world()).toEqual(CLOSED);
    expect(s.calls('acr:UpdateManifest')).toBe(1);
  });

  test('a replay of all messages, after the gate has opened: opens nothing, closes nothing', async () => {
    const s = await stage();
    const { ids } = await s.close('v1');
    const [id = ''] = ids;
    const before = s.cloud.defender.eventOf(id);
    await s.setStatus(ids, 'Healthy');
    const opened = await s.world();
    for (const event of [s.cloud.defender.eventOf(id), before]) await s.cloud.defender.sendEvent(event);
    await s.runUntilIdle();
    expect(opened.notified).toEqual(['closed team/app:v1', 'opened team/app:v1']);
    expect(await s.world()).toEqual(opened);
  });
});

/** The part of a message that names the image. */
function naming({ repository = 'team/app', digest = DIGEST }: { repository?: string; digest?: string }) {
  const details = { RepositoryDetails: { RepositoryName: repository }, Digest: digest };
  return { resourceDetails: '{"ResourceType":".containerimage"}', resourceAdditionalData: JSON.stringify(details) };
}

const ASSESSMENT = `${REGISTRY}/providers/Microsoft.Security/assessments/11111111-2222-3333-4444-555555555555`;
const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('an event with KQL or path metacharacters is refused', () => {
  const DIGEST_RULE = 'a digest: sha256: and 64 hexadecimal digits';
  const bad: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    [
      'KQL in the repository',
      naming({ repository: 'team/app" or true //' }),
      `repository is "team/app\\" or true //": expected ${REPOSITORY_NAME}`,
    ],
    [
      'a path in the repository',
      naming({ repository: 'team/../../other' }),
      `repository is "team/../../other": expected ${REPOSITORY_NAME}`,
    ],
    [
      'an encoded path in the repository',
      naming({ repository: 'team%2Fapp' }),
      `repository is "team%2Fapp": expected ${REPOSITORY_NAME}`,
    ],
    [
      'KQL in the digest',
      naming({ digest: `${DIGEST}" | project 1 //` }),
      `digest is "${DIGEST}\\" | project 1 //": expected ${DIGEST_RULE}`,
    ],
    [
      'a path in the digest',
      naming({ digest: 'sha256:../../_tags/v1' }),
      `digest is "sha256:../../_tags/v1": expected ${DIGEST_RULE}`,
    ],
    [
      'KQL in the assessment',
      { assessment: `${ASSESSMENT}" | union *` },
      `assessment is "${ASSESSMENT}\\" | union *": expected an assessment id of at most 1000 characters that ends with its name`.replace(
        /(?<=is ").*(?=: expected)/,
        (text) => (text.length > 120 ? `${text.slice(0, 119)}…` : text),
      ),
    ],
  ];

  test.each(bad)('%s', async (_name, part, problem) => {
    const s = await stage();
    s.push('v1');
    const event = {
      assessment: ASSESSMENT,
      ...naming({}),
      ...part,
    };
    s.send(event);
    await s.runUntilIdle();
    expect(await s.world()).toEqual({ ...UNTOUCHED, poison: [event] });
    expect(s.lines('refused').map((line) => line['problem'])).toEqual([problem]);
    expect([s.calls('logs:Query'), s.calls('arm:GetRegistry'), s.calls('acr:GetManifest')]).toEqual([0, 0, 0]);
  });

  test('an event with KQL passes from Defender through the Logic App to the poison queue', async () => {
    const s = await stage();
    const [id = ''] = await s.report(s.push('v1'), { event: false });
    const text = JSON.stringify(s.cloud.defender.eventOf(id)).replaceAll('team/app', 'team/app` | union *');
    await s.cloud.defender.sendEvent(JSON.parse(text));
    await s.runUntilIdle();
    expect(s.cloud.logicApp.runs.map(({ succeeded }) => succeeded)).toEqual([true]);
    expect((await s.world()).poison).toMatchObject([
      { resourceAdditionalData: expect.stringContaining('"RepositoryName":"team/app` | union *"') },
    ]);
    expect(s.calls('logs:Query')).toBe(0);
  });
});

describe('irrelevant and invalid messages', () => {
  test('an assessment that is not about an image: ignored', async () => {
    const s = await stage();
    const machine =
      '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/VM One/providers/Microsoft.Security/assessments/1';
    for (const assessment of [machine, ASSESSMENT]) {
      s.send({ assessment, resourceDetails: '', resourceAdditionalData: '' });
    }
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
    expect(s.lines('ignored').map(({ why }) => why)).toEqual([
      `not an assessment of a registry: ${machine}`.slice(0, 200),
      `not an assessment of an image: ${ASSESSMENT}`.slice(0, 200),
    ]);
    expect(s.calls('logs:Query')).toBe(0);
  });

  test.each([
    ['not JSON', Buffer.from('hello').toString('base64'), 'message is "hello": expected a JSON object'],
    ['a list', Buffer.from('[1]').toString('base64'), 'message is [1]: expected a JSON object'],
    ['a field is missing', Buffer.from('{"pullgate":"reconcile","trigger":"sweep"}').toString('base64'), undefined],
  ])(
    'invalid input (%s): one log line, and moved to the poison queue; the other messages are handled',
    async (_name, text, problem) => {
      const s = await stage();
      s.cloud.queue.send(text);
      await s.report(s.push('v1'));
      await s.runUntilIdle();
      expect({ ...(await s.world()), poison: [] }).toEqual(CLOSED);
      expect(s.cloud.poisonQueue.messages()).toHaveLength(1);
      expect(s.lines('refused')).toHaveLength(1);
      if (problem !== undefined) expect(s.lines('refused')[0]?.['problem']).toBe(problem);
    },
  );

  test('details that cannot matter are left out of the answer, and the row still confirms the event', async () => {
    const s = await stage();
    await s.report(s.push('v1'), { severity: 'Low', cves: [{ ...CRITICAL, severity: 'Low', score: 2 }] });
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
    expect(s.lines('retried')).toEqual([]);
  });
});
