// Tests the page of `pullgate simulate --html` in a browser: on a desktop and a phone, with its filters, and without
// scripts.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DESK, needsChromium, openTab, PHONE, widthsOf } from '../../browser.ts';
import { FOLDER, fileOf, pullgate } from '../command.ts';
import { sample } from '../reports/reading.ts';

const REPORTS = ['trivy-alpine-310', 'trivy-centos-7', 'trivy-debian-buster', 'grype-image'];
const POLICY = {
  severityThreshold: 'medium',
  exceptions: [{ id: 'DSA-4613-1', expires: '2099-01-31', reason: '<b>not</b> reachable' }],
};
const url = pathToFileURL(join(mkdtempSync(join(FOLDER, 'page-')), 'page.html'));

beforeAll(async () => {
  const files = REPORTS.map((name) => sample(`reports/${name}.json`));
  const asked = ['simulate', ...files, '--policy', fileOf(JSON.stringify(POLICY)), '--html', url.pathname];
  expect((await pullgate(asked)).code).toBe(1);
});

describe('the page of a simulation', () => {
  test('fits a desktop and a phone, loads nothing, and shows why a gate would close', async ({ skip }) => {
    needsChromium({ skip });
    const { page, problems, elsewhere } = await openTab(url.href);
    expect(await page.title()).toBe('pullgate: what the policy would do');
    for (const size of [DESK, PHONE]) {
      await page.setViewportSize(size);
      expect(await widthsOf(page)).toEqual([size.width, size.width]);
      const alpine = page.locator('details', { hasText: 'alpine-310' });
      const finding = alpine.getByRole('link', { name: 'CVE-2019-1549' }).first();
      expect(await finding.isVisible()).toBe(false);
      await alpine.locator('summary').click();
      expect(await finding.isVisible()).toBe(true);
      expect(await widthsOf(page)).toEqual([size.width, size.width]);
      await alpine.locator('summary').click();
    }
    expect(await page.getByText('<b>not</b> reachable').count()).toBeGreaterThan(0);
    expect([problems, elsewhere]).toEqual([[], []]);
  });

  test('filters by text, state and severity at the same time', async ({ skip }) => {
    needsChromium({ skip });
    const { page } = await openTab(url.href);
    const seen = async () => [
      await page.locator('output').textContent(),
      await page.locator('details:visible > summary > b').allTextContents(),
    ];
    const all = await page.locator('details > summary > b').allTextContents();
    const names = page.getByLabel('Text');
    const state = page.getByLabel('State');
    expect(await seen()).toEqual(['4 of 4 gates shown', all]);

    await names.fill('OPENSSL cve-2019-1559');
    expect(await seen()).toEqual(['1 of 4 gates shown', ['ghcr.io/aquasecurity/trivy-test-images:centos-7']]);
    await names.fill('');
    await state.selectOption('open');
    expect(await seen()).toEqual(['1 of 4 gates shown', ['ghcr.io/aquasecurity/trivy-test-images:debian-buster']]);
    await state.selectOption('closes');
    expect((await seen())[0]).toBe('3 of 4 gates shown');
    for (const word of ['high', 'medium', 'low', 'informational', 'unknown']) await page.getByLabel(word).uncheck();
    expect(await seen()).toEqual(['1 of 4 gates shown', ['docker.io/user-input']]);
    await names.fill('nothing has this word');
    expect(await seen()).toEqual(['0 of 4 gates shown', []]);
  });

  test('shows every gate without scripts', async ({ skip }) => {
    needsChromium({ skip });
    const { page } = await openTab(url.href, { javaScriptEnabled: false });
    expect(await page.locator('details:visible').count()).toBe(REPORTS.length);
    expect(await page.locator('form').isVisible()).toBe(false);
  });
});
