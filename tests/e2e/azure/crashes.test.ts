// The function's process crashes at any call, and services fail at any call. The work is always finished, and notified
// at least once.
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../local/azure/calls.ts';
import type { Fault } from '../../../local/azure/faults.ts';
import type { Graph } from '../../../local/graph.ts';
import { EVENT_WAIT, graphFor, type Image, MINUTE, REPOSITORY, type Stage, stage } from './stage.ts';

const MANY = { maxClosesPerHour: 1_000 };

/** Delivers the events, and crashes the function right after its nth call. Returns false if it makes fewer calls. */
async function crashesAfter({ cloud, runUntilIdle }: Stage, nth: number): Promise<boolean> {
  const where = ({ principal }: Call) => principal.id === cloud.identity.id;
  const clear = cloud.faults.add({ kind: 'crash', when: 'after', where, nth });
  cloud.clock.advance(EVENT_WAIT);
  const invocations = await cloud.runUntilIdle();
  clear();
  await runUntilIdle();
  return invocations.some(({ outcome }) => outcome.kind === 'crashed');
}

async function ofImage({ world, pull, record }: Stage, image: Image, tag: string) {
  const { locked, records, notified, poison } = await world();
  return {
    isLocked: locked.includes(`team/app:${tag} readEnabled`),
    state: records[`team/app:${tag}`],
    pending: (await record(image))?.pending.length,
    pull: await pull(tag),
    notified: notified.filter((one) => one.endsWith(`:${tag}`)),
    poison,
  };
}

/** The same code with a shorter request timeout, because no test can wait for a minute and a half. */
const withPatience = (milliseconds: number) => (graph: Graph) => {
  const entries = Object.entries(graph.archives).map(([urn, files]) => {
    const code = files['index.mjs'] ?? '';
    if (code.split('=9e4,').length !== 2)
      throw new Error('expected exactly one request timeout of 90 seconds in the code');
    return [urn, { ...files, 'index.mjs': code.replace('=9e4,', `=${milliseconds},`) }] as const;
  });
  return { ...graph, archives: Object.fromEntries(entries) };
};

describe('a crash between record, lock and confirmation', () => {
  test('after each call of a closing and its opening: finished by the next observation, and notified at least once', {
    timeout: 180_000,
  }, async () => {
    const s = await stage(MANY);
    const calls = { closing: 0, opening: 0 };
    for (let isCrash = true, nth = 1; isCrash; nth++) {
      const tag = `v${nth}`;
      const image = s.push(tag);
      const ids = await s.report(image);
      const closingCrashed = await crashesAfter(s, nth);
      const closed = await ofImage(s, image, tag);
      expect(closed).toMatchObject({ isLocked: true, state: 'closed', pending: 0, pull: 'refused', poison: [] });
      expect(new Set(closed.notified)).toEqual(new Set([`closed team/app:${tag}`]));
      expect(closed.notified.length).toBeLessThanOrEqual(2);

      s.cloud.clock.advance(MINUTE);
      await s.cloud.defender.setStatus(ids, 'Healthy');
      const openingCrashed = await crashesAfter(s, nth);
      const opened = await ofImage(s, image, tag);
      expect(opened).toMatchObject({ isLocked: false, state: 'open', pending: 0, pull: 'pulled', poison: [] });
      expect(new Set(opened.notified)).toEqual(new Set([`closed team/app:${tag}`, `opened team/app:${tag}`]));
      expect(opened.notified.length - closed.notified.length).toBeLessThanOrEqual(2);

      if (closingCrashed) calls.closing++;
      if (openingCrashed) calls.opening++;
      isCrash = closingCrashed || openingCrashed;
    }
    // Every step was hit: record, brake, lock, confirmation and mail.
    expect(calls.closing).toBeGreaterThan(12);
    expect(calls.opening).toBeGreaterThan(10);
    expect((await s.world()).locked).toEqual([]);
  });

  test('after each call of a sweep: the next tick sweeps', { timeout: 180_000 }, async () => {
    const s = await stage(MANY);
    s.cloud.faults.addToBus({ kind: 'lose' });
    let calls = 0;
    for (let isCrash = true; isCrash; calls++) {
      const tag = `v${calls}`;
      const image = s.push(tag);
      await s.report(image);
      s.cloud.clock.advance(6 * 60 * MINUTE);
      // A tick reads the lock of each image that is closed already, so these calls grow with every round.
      const where = ({ principal, service }: Call) => principal.id === s.cloud.identity.id && service !== 'acr';
      const clear = s.cloud.faults.add({ kind: 'crash', when: 'after', where, nth: calls + 1 });
      isCrash = (await s.cloud.fireTimer('tick')).outcome.kind === 'crashed';
      clear();
      await s.tick();
      expect(await ofImage(s, image, tag)).toMatchObject({
        isLocked: true,
        state: 'closed',
        pending: 0,
        pull: 'refused',
      });
    }
    expect(calls).toBeGreaterThan(5);
  });
});

describe('services that misbehave', () => {
  const kinds: readonly Fault['kind'][] = ['throttle', 'serverError', 'reset', 'drop'];
  /** A failed mail is not retried at once: the next tick sends the failed notices. */
  const failedWithoutMail = (s: Stage) =>
    s.lines('failed').filter(({ error }) => !String(error).startsWith('a notice could not be sent: '));

  test.each(kinds)(
    'each call of a closing and an opening fails with %s: retried within the invocation, mail with the next tick; notified at least once',
    async (kind) => {
      const s = await stage(MANY);
      const images = Array.from({ length: 14 }, (_, number) => s.push(`v${number}`));
      const disturb = () => {
        for (const [number, image] of images.entries()) {
          const where = ({ input, principal }: Call) =>
            principal.id === s.cloud.identity.id && JSON.stringify(input).includes(image.digest.slice(0, 19));
          s.cloud.faults.add({ kind, where, nth: number + 1 } as Fault);
        }
      };
      disturb();
      const ids: string[] = [];
      for (const image of images) ids.push(...(await s.report(image)));
      await s.runUntilIdle();
      await s.cloud.advance(5 * MINUTE);
      const closed = await s.world();
      expect(closed.locked).toHaveLength(images.length);
      expect(new Set(Object.values(closed.records))).toEqual(new Set(['closed']));
      expect(new Set(closed.notified).size).toBe(images.length);
      s.cloud.faults.clear();
      disturb();
      await s.setStatus(ids, 'Healthy');
      await s.cloud.advance(5 * MINUTE);
      const opened = await s.world();
      expect(opened.locked).toEqual([]);
      expect(new Set(Object.values(opened.records))).toEqual(new Set(['open']));
      expect(new Set(opened.notified).size).toBe(2 * images.length);
      expect(opened.poison).toEqual([]);
      expect(failedWithoutMail(s)).toEqual([]);
    },
  );

  const services = ['acr', 'arm', 'table', 'mail', 'queue', 'logs'] as const;

  test.each(services)(
    '%s answers 429 for longer than an invocation retries: closed and notified all the same',
    async (service) => {
      const s = await stage();
      const image = s.push('v1');
      await s.report(image);
      const where = ({ principal }: Call) => principal.id === s.cloud.identity.id;
      // Mail is tried once by the reconciliation, and once by each tick after it.
      s.cloud.faults.add({ kind: 'throttle', service, where, times: service === 'mail' ? 2 : 10 });
      await s.runUntilIdle();
      await s.cloud.advance(15 * MINUTE);
      expect(await ofImage(s, image, 'v1')).toMatchObject({ isLocked: true, state: 'closed', pending: 0, poison: [] });
      expect(new Set((await s.world()).notified)).toEqual(new Set(['closed team/app:v1']));
    },
  );

  test.each(services)(
    '%s does not respond: the call times out, the message is retried, and the gate is closed and notified all the same',
    async (service) => {
      const s = await stage({}, { change: withPatience(1_000) });
      if (service === 'queue') s.cloud.workspace.ingestionDelayMilliseconds = EVENT_WAIT + MINUTE / 2;
      const image = s.push('v1');
      await s.report(image);
      const where = ({ principal }: Call) => principal.id === s.cloud.identity.id;
      s.cloud.faults.add({ kind: 'timeout', service, where });
      await s.runUntilIdle();
      await s.cloud.advance(10 * MINUTE);
      expect(await ofImage(s, image, 'v1')).toMatchObject({ isLocked: true, state: 'closed', pending: 0, poison: [] });
    },
  );

  test('the queue rejects the copy: the host retries the message, and it is not lost', async () => {
    const s = await stage();
    s.cloud.workspace.ingestionDelayMilliseconds = 3 * MINUTE;
    const image = s.push('v1');
    await s.report(image);
    s.cloud.faults.add({
      kind: 'error',
      code: 'AuthorizationFailure',
      message: 'not now',
      status: 403,
      service: 'queue',
      times: 3,
    });
    await s.runUntilIdle();
    expect(await ofImage(s, image, 'v1')).toMatchObject({ isLocked: true, state: 'closed', poison: [] });
    expect(REPOSITORY).toBe(image.repository);
  });
});

describe('every failure has a line in the log', () => {
  test('of a function that cannot start: its tick fails with the reason, and the messages stay in the queue', async () => {
    const withoutQuery = (graph: Graph): Graph => {
      const entries = Object.entries(graph.archives).map(
        ([urn, { 'findings.kql': _, ...files }]) => [urn, files] as const,
      );
      return { ...graph, archives: Object.fromEntries(entries) };
    };
    const s = await stage({}, { change: withoutQuery });
    s.send('hello');
    const { outcome } = await s.cloud.fireTimer('tick');
    expect(outcome).toMatchObject({ kind: 'failed', error: expect.stringContaining('findings.kql') });
    expect(s.lines('failed')).toEqual([
      { kind: 'failed', error: expect.stringMatching(/^the function could not start: .*findings[.]kql/) },
    ]);
    expect(await s.cloud.runUntilIdle()).toEqual([]);
    expect(s.cloud.queue.messages()).toHaveLength(1);
    await s.cloud.deploy(await graphFor());
    await s.runUntilIdle();
    expect((await s.world()).poison).toEqual(['hello']);
  });

  test('of a message that cannot be moved to the poison queue', async () => {
    const s = await stage();
    s.cloud.faults.add({ kind: 'error', code: 'AuthorizationFailure', message: 'no', status: 403, service: 'queue' });
    s.send('hello');
    await s.runUntilIdle();
    expect(s.lines('failed')).toEqual([{ kind: 'failed', error: expect.stringContaining('answers 403') }]);
    expect(s.lines('refused')).toHaveLength(2);
    expect((await s.world()).poison).toEqual(['hello']);
  });

  test('of a long error, as JSON that Application Insights does not cut', async () => {
    const s = await stage();
    const message = 'x'.repeat(60_000);
    s.cloud.faults.add({ kind: 'error', code: 'Odd', message, status: 400, service: 'table', times: 10 });
    await s.cloud.fireTimer('tick');
    const failed = s.cloud.logs.filter(({ json }) => json?.['kind'] === 'failed');
    expect(failed.length).toBeGreaterThan(0);
    for (const { text } of failed) expect(text.length).toBeLessThanOrEqual(30_000);
  });
});
