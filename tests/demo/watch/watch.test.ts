// Runs `npm start -- --watch` as a user does: one page on loopback shows both registries live and accepts only its own
// requests, and Ctrl-C leaves nothing behind.
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { needsChromium, openTab, PHONE, widthsOf } from '../../browser.ts';
import {
  expectNoneLeft,
  interrupt,
  killGroup,
  type Started,
  startProgramOf,
  waitForOutput,
} from '../../process-group.ts';
import { ask, openPage, type Page } from './page.ts';

const HOSTILE = '<img src=x onerror="document.title=\'taken\'">';
/** For what hangs, not for what is slow. */
const SLOW = 600_000;

let started: Started;
let url = '';
let page: Page;

const watch = (words: readonly string[] = []) => startProgramOf('demo/start.ts', ['--watch', ...words]);

beforeAll(async () => {
  started = watch();
  await waitForOutput(started, 'Press Ctrl-C to stop.');
  [url = ''] = /http:\/\/\S+/.exec(started.said()) ?? [];
  page = await openPage(url);
}, SLOW);

afterAll(async () => {
  page.close();
  killGroup(started);
  await started.ended;
});

const closedOn = (repository: string) =>
  Object.fromEntries(Object.entries(page.image(repository).on).map(([cloud, { isClosed }]) => [cloud, isClosed]));
const said = (text: string) => page.entries().filter((entry) => entry.text.includes(text));
const done = { status: 200 };

describe('the page’s server', () => {
  test('listens on loopback, and lets the browser load nothing from other origins', async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { status, headers, text } = await ask(url, { headers: { host: new URL(url).host } });
    expect(status).toBe(200);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    );
    const files = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, file = '']) => file);
    expect(files.filter((file) => !/^\/[a-z]+\.(?:css|js|svg)$/.test(file))).toEqual([]);
    for (const path of files) expect([path, (await fetch(url + path)).status]).toEqual([path, 200]);
  });

  test.each<[string, Parameters<typeof ask>[1], number]>([
    ['a foreign host name (DNS rebinding)', { headers: { host: 'evil.example' } }, 403],
    ['a host with another port', { headers: { host: '127.0.0.1:1' } }, 403],
    ['the events under a foreign host name', { path: '/events', headers: { host: 'evil.example' } }, 403],
    ['a file outside the page', { path: '/../start.ts' }, 404],
    ['the method DELETE', { method: 'DELETE' }, 405],
  ])('refuses %s', async (_what, options, status) => {
    const host = new URL(url).host;
    const answer = await ask(url, { ...options, headers: { host, ...options.headers } });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([status, { problem: expect.any(String) }]);
  });

  const push = '{"do":"push","repository":"evil/app","tag":"1.0"}';
  test.each<[string, Readonly<Record<string, string>>, string, number]>([
    ['another origin', { origin: 'https://evil.example' }, push, 403],
    ['an origin with another port', { origin: 'http://127.0.0.1:1' }, push, 403],
    ['a sandboxed page', { origin: 'null' }, push, 403],
    ['a wrong token', { 'x-pullgate-token': 'guessed' }, push, 403],
    ['a form, which browsers send without a preflight request', { 'content-type': 'text/plain' }, push, 415],
    ['a body that is not JSON', {}, '{', 400],
    ['an unknown action', {}, '{"do":"exec"}', 400],
    ['an invalid repository name', {}, '{"do":"push","repository":"../x","tag":"1.0"}', 400],
    ['a body that is too large', {}, `"${'x'.repeat(70_000)}"`, 413],
  ])('refuses a request with %s, and does nothing', async (_what, changed, body, status) => {
    const own = { origin: url, 'content-type': 'application/json', 'x-pullgate-token': page.token };
    const headers = { host: new URL(url).host, ...own, ...changed };
    expect((await ask(url, { method: 'POST', path: '/do', headers, body })).status).toBe(status);
    expect(page.state().images).toEqual([]);
  });

  test('refuses a request without an origin or a token', async () => {
    const own = { host: new URL(url).host, 'content-type': 'application/json' };
    for (const more of [{}, { origin: url }, { 'x-pullgate-token': page.token }])
      expect((await ask(url, { method: 'POST', path: '/do', headers: { ...own, ...more }, body: push })).status).toBe(
        403,
      );
    expect(page.state().images).toEqual([]);
  });
});

describe('the actions, on both clouds at once', () => {
  test('a finding closes the gate, only proof opens it, and the log shows everything in order', {
    timeout: SLOW,
  }, async () => {
    expect(await page.act({ do: 'push', repository: 'team/app', tag: '1.0' })).toEqual(done);
    const { digest } = page.image('team/app');
    const image = { repository: 'team/app', digest };
    const finding = { severity: 'critical', id: 'CVE-2026-2001', package: 'zlib', isFixable: true, isExploited: false };
    expect(await page.act({ do: 'report', ...image, ...finding, severity: 'critical' })).toEqual(done);
    expect(closedOn('team/app')).toEqual({ AWS: true, Azure: true });
    expect(await page.act({ do: 'pull', ...image })).toEqual(done);
    expect(page.image('team/app').on).toMatchObject({
      AWS: { pull: { isRefused: true, status: 403 }, setting: expect.stringContaining('"Sid": "Pullgate') },
      Azure: { pull: { isRefused: true, status: 405 }, setting: expect.stringContaining('"readEnabled": false') },
    });
    expect(await page.act({ do: 'forget', ...image })).toEqual(done);
    expect(closedOn('team/app')).toEqual({ AWS: true, Azure: true });
    expect(await page.act({ do: 'scanClean', ...image })).toEqual(done);
    expect(closedOn('team/app')).toEqual({ AWS: false, Azure: false });
    expect(await page.act({ do: 'pull', ...image })).toEqual(done);
    for (const cloud of ['AWS', 'Azure']) {
      const own = page.entries().filter((entry) => entry.cloud === cloud && entry.text.includes('team/app'));
      const mails = own.flatMap(({ kind, text }) => (kind === 'mail' ? [text] : []));
      expect(mails, cloud).toEqual([
        expect.stringMatching(/^\[pullgate\] closed: team\/app/),
        expect.stringMatching(/^\[pullgate\] opened: team\/app/),
      ]);
      const words = own.flatMap(({ kind, text }) =>
        ['act', 'decision'].includes(kind) && !text.includes('stays') ? [text] : [],
      );
      expect(words, cloud).toEqual([
        'CI pushes team/app:1.0: 201.',
        expect.stringMatching(/^.+ finds CVE-2026-2001 \(critical\) in zlib of team\/app:1\.0\.$/),
        expect.stringMatching(/^team\/app.* is closed now: .+ violates the policy with CVE-2026-2001 in zlib/),
        expect.stringMatching(/^Production pulls team\/app:1\.0: 40[35], refused\. /),
        expect.stringMatching(/^.+ rescans team\/app:1\.0 and finds nothing/),
        expect.stringMatching(/^team\/app.* is open now: /),
        'Production pulls team/app:1.0: 200, allowed.',
      ]);
    }
    expect(said('team/app').map(({ id }) => id)).toEqual(
      said('team/app')
        .map(({ id }) => id)
        .toSorted((a, b) => a - b),
    );
  });

  test('a new config deploys an exception and a lower brake, and an invalid config changes nothing', {
    timeout: SLOW,
  }, async () => {
    const { config } = page.state();
    const wrong = await page.act({ do: 'deploy', config: { ...config, severityThreshold: 'worst' } });
    expect(wrong).toEqual({ status: 422, problem: expect.stringContaining('pullgate:severityThreshold') });
    expect(page.state().config).toEqual(config);

    await page.act({ do: 'burst', images: 1, severity: 'critical' });
    expect(closedOn('burst-1/app-1')).toEqual({ AWS: true, Azure: true });
    const exceptions = [{ id: 'CVE-2026-9001', expires: '2099-12-31', reason: 'not reachable' }];
    const next = { ...config, maxClosesPerHour: 3, policy: { exceptions } };
    expect(await page.act({ do: 'deploy', config: next })).toEqual(done);
    expect(page.state().config).toEqual(next);
    expect(closedOn('burst-1/app-1')).toEqual({ AWS: false, Azure: false });

    // Two of this hour's three closings are used, so two of the next three images must wait.
    await page.act({ do: 'burst', images: 3, severity: 'high' });
    const waiting = () =>
      page.state().images.flatMap(({ on }) => Object.entries(on).filter(([, { state }]) => state === 'waiting: brake'));
    expect(
      waiting()
        .map(([cloud]) => cloud)
        .toSorted(),
    ).toEqual(['AWS', 'AWS', 'Azure', 'Azure']);
    expect(await page.act({ do: 'letPass', minutes: 65 })).toEqual(done);
    expect(waiting()).toEqual([]);
    const closed = page.state().images.filter(({ on }) => Object.values(on).every(({ isClosed }) => isClosed));
    expect(closed.map(({ repository }) => repository)).toEqual(['burst-2/app-1', 'burst-2/app-2', 'burst-2/app-3']);
  });

  test('the gate of a deleted image opens', async () => {
    const { repository, digest } = page.image('burst-2/app-1');
    expect(await page.act({ do: 'remove', repository, digest })).toEqual(done);
    expect(() => page.image('burst-2/app-1')).toThrow('no image of burst-2/app-1 is shown');
    const again = await page.act({ do: 'pull', repository, digest });
    expect(again).toEqual({ status: 422, problem: expect.stringMatching(/^no registry has burst-2\/app-1@sha256:/) });
    expect(said('burst-2/app-1').some(({ text }) => text.includes('it is no longer in the registry'))).toBe(true);
  });

  test('a page that lost the connection receives only what it missed', async () => {
    const [missed, ...newer] = page
      .entries()
      .map(({ id }) => id)
      .slice(-3);
    const again = await openPage(url, String(missed));
    onTestFinished(again.close);
    // A tick may have added entries in the meantime.
    expect(
      again
        .entries()
        .slice(0, newer.length)
        .map(({ id }) => id),
    ).toEqual(newer);
    expect(again.state().config).toEqual(page.state().config);
    expect(again.state().images.map(({ digest }) => digest)).toEqual(page.state().images.map(({ digest }) => digest));
  });
});

describe('in a browser', () => {
  test('shows a push, a finding, a refused pull and a clean scan as they happen, on a desktop and on a phone', {
    timeout: SLOW,
  }, async ({ skip }) => {
    needsChromium({ skip });
    const { page: tab, problems, elsewhere } = await openTab(`${url}/`);
    const press = (name: string) => shop.getByRole('button', { name, exact: true }).click();
    await tab.getByLabel('Repository', { exact: true }).fill('shop/web');
    await tab.getByLabel('Tag').fill('2.0');
    await tab.getByRole('button', { name: 'Push as CI' }).click();
    const shop = tab.locator('.repository', { hasText: 'shop/web' });
    const gates = shop.locator('.gate');
    const isEach = (word: string) =>
      vi.waitFor(async () => expect(await gates.allTextContents()).toEqual([word, word]), { timeout: 20_000 });
    await shop.waitFor();
    await isEach('open');

    await press('Report a finding');
    const report = tab.getByRole('dialog');
    await report.getByLabel('Package').fill(HOSTILE);
    await report.getByRole('button', { name: 'Report', exact: true }).click();
    await isEach('closed');
    expect(await shop.locator('.findings').textContent()).toContain(`in ${HOSTILE} 3.0.13: fixed in 3.0.14`);
    await press('Pull');
    await shop.getByText('403, refused').waitFor();
    await shop.getByText('405, refused').waitFor();

    const log = tab.getByRole('log');
    for (const line of ['CI pushes shop/web:2.0: 201.', `in ${HOSTILE} of shop/web:2.0.`, 'shop/web is closed now: '])
      expect(await log.textContent()).toContain(line);

    await tab.setViewportSize(PHONE);
    expect(await widthsOf(tab)).toEqual([PHONE.width, PHONE.width]);
    await press('Report a finding');
    expect(await widthsOf(tab)).toEqual([PHONE.width, PHONE.width]);
    await report.getByRole('button', { name: 'Cancel' }).click();
    await press('Report a clean scan');
    await isEach('open');
    await press('Pull');
    await vi.waitFor(async () => expect(await shop.locator('.allowed').count()).toBe(2), { timeout: SLOW });
    expect(await tab.title()).toBe('pullgate on local clouds');
    expect([problems, elsewhere]).toEqual([[], []]);
  });
});

describe('the command', () => {
  test('reports a port that is in use before it starts anything, and exits with 1', async () => {
    const second = watch(['--port', new URL(url).port]);
    expect(await second.ended).toBe(1);
    expect(second.said()).toMatch(
      /The page could not be started\. port \d+ is in use; choose another\s+one with --port/,
    );
    await expectNoneLeft(second);
  });

  test('ends at once on Ctrl-C while the clouds start, and leaves no process behind', async () => {
    const early = watch(['aws']);
    await waitForOutput(early, 'deploying the stack');
    interrupt(early);
    expect(await early.ended).toBe(130);
    await expectNoneLeft(early);
  });

  test('ends on Ctrl-C in the middle of a burst, and leaves no process behind', async () => {
    const burst = page.act({ do: 'burst', images: 20, severity: 'critical' }).catch(() => 'no answer');
    await vi.waitFor(() => expect(page.state().busy).toBe('A burst of findings'), { timeout: SLOW });
    interrupt(started);
    expect(await started.ended).toBe(0);
    expect(await burst).toBe('no answer');
    expect(started.said()).toMatch(/\nStopped\.\n$/);
    await expectNoneLeft(started);
  });
});
