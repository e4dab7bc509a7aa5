// Tests the parts of `pullgate simulate` that need no process: the forms of a policy, the page, the text output, and
// the progress.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { listFindingsFilter } from '../../../aws/function/findings.ts';
import { pageOf } from '../../../cli/simulate/page.ts';
import { readPolicy } from '../../../cli/simulate/policy.ts';
import { simulate } from '../../../cli/simulate/simulation.ts';
import { subjectsFrom, widest } from '../../../cli/simulate/subjects.ts';
import { linesOf } from '../../../cli/simulate/text.ts';
import { progressOn } from '../../../cli/terminal/progress.ts';
import { rules as rulesBy } from '../../shared/samples.ts';
import { fileOf } from '../command.ts';
import { NOW, policy, readText } from '../reports/reading.ts';

describe('a policy file', () => {
  const exceptions = [{ id: 'CVE-2026-1', expires: '2026-03-31', reason: 'not reachable' }];
  const expected = policy({ severityThreshold: 'critical', unfixable: 'never', exceptions });
  test.each([
    ['plain', JSON.stringify({ severityThreshold: 'critical', unfixable: 'never', exceptions })],
    [
      'in the form of the config',
      JSON.stringify({
        severityThreshold: 'critical',
        policy: { unfixable: 'never', exceptions },
        mode: 'audit',
        sweepHours: 6,
      }),
    ],
    [
      'with comments and a mode',
      `// ours\n{ "severityThreshold": "critical", "mode": "audit", "unfixable": "never", /* reviewed */ "exceptions": ${JSON.stringify(exceptions)}, }`,
    ],
    [
      'as the output of `pulumi config --json`',
      JSON.stringify({
        'aws:region': { value: 'eu-west-1', secret: false },
        'pullgate:severityThreshold': { value: 'critical', secret: false },
        'pullgate:policy': { value: '{}', objectValue: { unfixable: 'never', exceptions }, secret: false },
      }),
    ],
    [
      'with a byte order mark',
      `\uFEFF${JSON.stringify({ severityThreshold: 'critical', unfixable: 'never', exceptions })}`,
    ],
    [
      'as plain values of the config',
      JSON.stringify({
        'pullgate:severityThreshold': 'critical',
        'pullgate:policy': { unfixable: 'never', exceptions },
      }),
    ],
  ])('%s', async (_name, text) => {
    expect(await readPolicy(fileOf(text))).toEqual({ policy: expected, rules: [] });
  });

  test.each([
    [
      '{"severityThreshold": "hgih", "unfixabel": "never"}',
      ['severityThreshold is "hgih": expected one of', 'policy.unfixabel: unknown key; did you mean "unfixable"?'],
    ],
    ['{"severityThreshold": "high",\n "unfixable"', ['line 2: the file is not JSON (ColonExpected)']],
    ['["high"]', ['line 1: the file is ["high"]: expected JSON (comments are allowed): {"severityThreshold": "high"']],
    ['{"images": "all",\n"images": "tagged"}', ['line 2: images appears twice: expected each key once']],
    [
      '{"severityTreshold": "critical", "policy": {"unfixable": "never"},\n"exceptions": [{"bad": 1}]}',
      ['line 1: severityTreshold: unknown key here (check its spelling ', 'line 2: exceptions: unknown key here'],
    ],
    [
      '{"pullgate:severityTreshold": {"value": "critical"},\n"unfixable": "never", "aws:region": "x"}',
      ['line 1: pullgate:severityTreshold: unknown key here', 'line 2: unfixable: unknown key here'],
    ],
  ])('%j is rejected with a reason', async (text, said) => {
    const error: unknown = await readPolicy(fileOf(text)).catch((one: unknown) => one);
    for (const part of said) expect((error as Error).message).toContain(part);
  });

  test('that is missing', async () => {
    await expect(readPolicy('/nowhere/policy.json')).rejects.toThrow('/nowhere/policy.json cannot be read (ENOENT: ');
  });
});

test('every finding that can matter to one of two policies is requested from the cloud', () => {
  const policies = [
    policy({ severityThreshold: 'critical', images: 'all' }),
    policy({ severityThreshold: 'high', unfixable: 'medium', exploited: 'high' }),
  ] as const;
  const asked = widest([...policies]);
  expect(listFindingsFilter(asked).severity).toEqual(
    ['INFORMATIONAL', 'LOW'].map((value) => ({ comparison: 'NOT_EQUALS', value })),
  );
  expect(asked.images).toBe('tagged');
});

const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>\u202e\u001b[31m`;

/** Simulates this policy with a report that has a hostile package, link and image name. */
async function simulated(by = policy(), against?: typeof by) {
  const vulnerability = (id: string, fields: object = {}) => ({
    vulnerability: { id, severity: 'High', fix: { state: 'fixed' }, ...fields },
    artifact: { name: 'zlib', version: '1' },
  });
  const hostile = {
    ...vulnerability('CVE-1', { dataSource: `https://x.test/"onclick="alert(3)` }),
    artifact: { name: HOSTILE, version: HOSTILE },
  };
  const report = (name: string, matches: readonly unknown[]) =>
    JSON.stringify({ matches, source: { target: { userInput: name } } });
  const text = [
    report(`reg.test/${HOSTILE}`, [hostile]),
    report('reg.test/b:1', [vulnerability('CVE-2', { severity: 'Unknown' })]),
    report('reg.test/c:1', [vulnerability('CVE-3', { dataSource: 'javascript:alert(4)' })]),
  ].join('');
  const gathered = await readText(text, { policies: [by, ...(against === undefined ? [] : [against])] });
  const rules = (one: typeof by) => rulesBy({ policy: one });
  const simulation = simulate({
    subjects: subjectsFrom(gathered.images, () => 'image'),
    rules: rules(by),
    against: against && rules(against),
    now: NOW,
    most: 10,
  });
  return {
    simulation,
    reported: gathered.reported,
    at: NOW,
    source: HOSTILE,
    notes: [HOSTILE],
    policy: HOSTILE,
    against: against && 'the old one',
  };
}

describe('the page', () => {
  test('shows the notes about the findings', async () => {
    const page = pageOf({ ...(await simulated()), notes: ['a.json is incomplete'] });
    expect(page).toContain('<ul class="soft"><li>a.json is incomplete</li></ul>');
    expect(pageOf({ ...(await simulated()), notes: [] })).not.toContain('<ul class="soft">');
  });

  test('shows hostile text as text, and loads nothing', async () => {
    const page = pageOf(await simulated());
    const [, style = '', script = ''] = /<style>([\s\S]*)<\/style>[\s\S]*<script>([\s\S]*)<\/script>/.exec(page) ?? [];
    const rest = page.replace(style, '').replace(script, '');
    // All tags belong to the page.
    const own = [
      'a',
      'b',
      'body',
      'code',
      'dd',
      'details',
      'div',
      'dl',
      'dt',
      'fieldset',
      'form',
      'h1',
      'h2',
      'h3',
      'head',
      'html',
      'input',
      'label',
      'legend',
      'li',
      'link',
      'main',
      'meta',
      'option',
      'output',
      'p',
      'rect',
      'script',
      'select',
      'span',
      'style',
      'summary',
      'svg',
      'title',
      'ul',
    ];
    const tags = new Set([...rest.matchAll(/<([a-z][a-z0-9]*)/g)].map(([, name]) => name));
    expect([...tags].filter((name) => !own.includes(name ?? ''))).toEqual([]);
    expect(rest.match(/<script/g)).toHaveLength(1);
    expect(rest).not.toMatch(/<[^>]*\son[a-z]+=|javascript:/);
    for (const character of ['\u202e', '\u001b']) expect(rest).not.toContain(character);
    expect([...rest.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url)).toEqual([
      'data:,',
      'https://x.test/&#34;onclick=&#34;alert(3)',
    ]);
    expect(`${style}${script}`).not.toMatch(/https?:|url\(|@import|fetch|innerHTML/);
  });

  test('allows only its own style and script in its content policy', async () => {
    const page = pageOf(await simulated());
    const [, csp = ''] = /Content-Security-Policy" content="([^"]+)"/.exec(page) ?? [];
    const hash = (text = '') => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
    const style = /<style>([\s\S]*)<\/style>/.exec(page)?.[1];
    const script = /<script>([\s\S]*)<\/script>/.exec(page)?.[1];
    expect(csp).toBe(
      `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; img-src data:; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toContain(' style=');
    expect(() => new Function(script ?? 'it is missing')).not.toThrow();
  });

  test('shows totals, a bar for each severity, and each gate with its state and severities for the filters', async () => {
    const page = pageOf(await simulated(policy({ severityThreshold: 'high' })));
    const cards = [...page.matchAll(/<li><b class="\w*">([\d,]+)<\/b>([^<]+)/g)].map(([, value, text]) => [
      value,
      text,
    ]);
    expect(cards).toEqual([
      ['2', 'would close'],
      ['1', 'open, severity unknown'],
      ['0', 'stay open'],
      ['3', 'images evaluated'],
    ]);
    const bars = [
      ...page.matchAll(
        /<dt class="\w+">(\w+)<\/dt>.*?<rect class="reported" width="([\d.]+)%".*?<rect width="([\d.]+)%".*?<dd>([^<]+)/g,
      ),
    ];
    expect(bars.map(([, ...bar]) => bar)).toEqual([
      ['critical', '0', '0', '0 of 0'],
      ['high', '100', '100', '2 of 2'],
      ['medium', '0', '0', '0 of 0'],
      ['low', '0', '0', '0 of 0'],
      ['informational', '0', '0', '0 of 0'],
      ['unknown', '50', '0', '0 of 1'],
    ]);
    expect(
      [...page.matchAll(/<details data-state="(\w+)" data-severities="([\w ]*)">/g)].map(([, ...one]) => one),
    ).toEqual([
      ['closes', 'high'],
      ['closes', 'high'],
      ['undetermined', 'unknown'],
    ]);
    expect([...page.matchAll(/<option value="(\w*)">/g)].map(([, value]) => value)).toEqual([
      '',
      'closes',
      'undetermined',
    ]);
  });

  test('compared with another policy, counts the changes and shows which findings no longer violate and why', async () => {
    const excepted = policy({
      severityThreshold: 'high',
      exceptions: [{ id: 'CVE-3', expires: '2026-03-31', reason: 'reviewed' }],
    });
    const page = pageOf(await simulated(excepted, policy({ severityThreshold: 'high' })));
    expect([...page.matchAll(/<li><b class="(\w+)">([\d,]+)/g)].map(([, ...one]) => one)).toEqual([
      ['closes', '0'],
      ['opens', '1'],
      ['staysClosed', '1'],
      ['staysOpen', '1'],
    ]);
    expect(page).toMatch(/<h3>No longer violates<\/h3><ul class="findings"><li><b>CVE-3<\/b>/);
    expect(page).toContain('exempted by an exception until 2026-04-01T00:00:00.000Z: reviewed');
    expect(page).toMatch(/<h2>Exempted findings<\/h2><ul class="findings"><li><b>CVE-3<\/b>/);
  });
});

const LIMITS = [
  { where: 'AWS', maxClosesPerHour: 1, maxClosesPerDay: 4 },
  { where: 'Azure', maxClosesPerHour: 250, maxClosesPerDay: 1000 },
];

describe('the text output', () => {
  const lines = async (all: boolean, by?: ReturnType<typeof policy>) => {
    const { simulation, reported } = await simulated(by);
    return [
      ...linesOf({
        simulation,
        reported,
        policy: 'the policy',
        against: undefined,
        all,
        limits: LIMITS,
      }),
    ];
  };
  test('contains no control characters, and mentions the brake if it would delay closings', async () => {
    const text = (await lines(false)).join('\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain them
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('\uFFFD[31m');
    expect(text).toMatch(
      /\nOn AWS the brake lets at most 1 gate close within an hour \(maxClosesPerHour\), and 4 within 24 hours \(maxClosesPerDay\)[.]$/,
    );
  });

  test('shows the unknown severity of an undetermined gate', async () => {
    expect((await lines(false, policy({ severityThreshold: 'high' }))).slice(-4, -2)).toEqual([
      '  undetermined  b:1',
      '                  severity unknown: CVE-2 (severity "Unknown") in zlib 1: a fix is available.',
    ]);
  });

  test('shows the first gates and findings, and all of them with --all', async () => {
    const matches = Array.from({ length: 5 }, (_, place) => ({
      vulnerability: { id: `CVE-${place}`, severity: 'High' },
      artifact: { name: 'zlib' },
    }));
    const text = Array.from({ length: 25 }, (_, place) =>
      JSON.stringify({ matches, source: { target: { userInput: `app-${place}` } } }),
    ).join('\n');
    const gathered = await readText(text);
    const rules = rulesBy({ policy: policy() });
    const simulation = simulate({ subjects: subjectsFrom(gathered.images, () => 'image'), rules, now: NOW, most: 4 });
    const input = {
      simulation,
      reported: gathered.reported,
      policy: 'it',
      against: undefined,
      limits: [],
    };
    const [some, every] = [false, true].map((all) => [...linesOf({ ...input, all })]);
    const count = (of: readonly string[] | undefined, pattern: RegExp) =>
      of?.filter((line) => pattern.test(line)).length;
    expect([count(some, /^ {2}closes/), count(some, /CVE-/), some?.at(-1)]).toEqual([
      20,
      60,
      '  and 5 more gates (use --all)',
    ]);
    expect(some?.[7]).toBe('            and 2 more findings');
    expect([count(every, /^ {2}closes/), count(every, /CVE-/), count(every, /and 1 more finding$/)]).toEqual([
      25, 100, 25,
    ]);
  });
});

describe('progress', () => {
  test('is one line on a terminal, updated a few times a second, cut to the width, and removed at the end', () => {
    const written: string[] = [];
    let at = 0;
    const progress = progressOn({ isTTY: true, columns: 8, write: (text) => written.push(text) }, () => at);
    progress.show(() => 'one');
    progress.show(() => expect.unreachable('too soon'));
    at = 100;
    progress.show(() => 'two and more');
    progress.end();
    progress.end();
    expect(written).toEqual(['\r\u001B[Kone', '\r\u001B[Ktwo and', '\r\u001B[K']);
  });

  test('prints nothing to a pipe, and creates no text', () => {
    const progress = progressOn({ write: () => expect.unreachable('a pipe') });
    progress.show(() => expect.unreachable('a pipe'));
    progress.end();
  });
});
