// Headless Chromium, for tests that view a page as a person does.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, type TestContext } from 'vitest';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const NO_CHROMIUM =
  'The test of the page is skipped because no Chromium is installed. On Debian: run `apt-get install -y chromium`.';

export const DESK = { width: 1280, height: 800 } as const;
export const PHONE = { width: 390, height: 844 } as const;

export interface Tab {
  readonly page: Page;
  /** Errors and warnings that the browser reported. */
  readonly problems: readonly string[];
  /** Requests to addresses that do not begin with the page's own address. */
  readonly elsewhere: readonly string[];
}

let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

/** Skips the test if there is no browser, and prints the reason. */
export function needsChromium({ skip }: Pick<TestContext, 'skip'>): void {
  if (CHROMIUM !== undefined) return;
  // The reporter counts skipped tests, but does not print the reason.
  process.stderr.write(`${NO_CHROMIUM}\n`);
  skip(NO_CHROMIUM);
}

/** Opens a page at desktop size. */
export async function openTab(url: string, options: BrowserContextOptions = {}): Promise<Tab> {
  browser ??= chromium.launch({ ...(CHROMIUM && { executablePath: CHROMIUM }) });
  const page = await (await browser).newPage({ viewport: DESK, ...options });
  const problems: string[] = [];
  const elsewhere: string[] = [];
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && problems.push(message.text()));
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('request', (request) => request.url().startsWith(url) || elsewhere.push(request.url()));
  await page.goto(url);
  return { page, problems, elsewhere };
}

/** The widths of the page and of the window. If the page is wider, it scrolls sideways. */
export async function widthsOf(page: Page): Promise<unknown> {
  return await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
}
