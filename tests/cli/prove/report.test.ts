// Tests the report of `prove`: what it leaves out of the files that are sent to others, its lines, and its page.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pageOf } from '../../../cli/prove/page.ts';
import type { Proof } from '../../../cli/prove/prove.ts';
import { redacted, reportOf, stepLine, summaryLines } from '../../../cli/prove/report.ts';
import { fieldsOf } from '../../../cli/prove/scratch.ts';
import { spanOf } from '../../../cli/prove/wait.ts';

const PROOF: Proof = {
  result: 'failed',
  startedAt: '2026-03-02T09:00:00.000Z',
  seconds: 4000,
  steps: [
    { name: 'found', title: 'Found', state: 'done', startedAt: '2026-03-02T09:00:00.000Z', seconds: 200, found: 'one' },
    {
      name: 'closed',
      title: 'Closed',
      state: 'failed',
      startedAt: '2026-03-02T09:03:20.000Z',
      seconds: 0,
      found: '<b>no</b>',
    },
    { name: 'opened', title: 'Opened', state: 'notRun' },
  ],
  unknowns: [
    { question: 'What fields?', settled: true, answer: '1 field', details: ['a: string'] },
    { question: 'CloudTrail?', settled: false, answer: 'not settled: <look>' },
  ],
  left: [{ what: 'the repository', toDo: 'run: rm' }],
  remains: ['the record'],
};
const CLIENT = { cloud: 'aws', settings: { sweepHours: 6 } } as Parameters<typeof reportOf>[1];
const REPORT = reportOf(PROOF, CLIENT, 'repository', '0.1.0');

describe('what is sent to others', () => {
  const ACCOUNT = '123456789012';
  it.each([
    [`${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/x`, '<account>.dkr.ecr.eu-west-1.amazonaws.com/x'],
    [`{"a":"User: arn:aws:sts::${ACCOUNT}:assumed-role/Admin/ada@example.com is"}`, '{"a":"User: <principal> is"}'],
    [`arn:aws-cn:iam::${ACCOUNT}:user/ada`, '<principal>'],
    [`arn:aws:ecr:eu-west-1:${ACCOUNT}:repository/x`, 'arn:aws:ecr:eu-west-1:<account>:repository/x'],
    ['Pullgate0123456789ab closes it', '<component> closes it'],
    ['by ada.l+x@example.com!', 'by <mail address>!'],
    ['ada_example.com#EXT#@acme.onmicrosoft.com', '<mail address>'],
    ['https://pullgate1.table.core.windows.net/x', 'https://<storage>/x'],
    ['client [2001:db8::1]:443 and ::ffff:10.0.0.1.', 'client [<address>]:443 and <address>.'],
    ['at 09:00:00, std::net', 'at 09:00:00, std::net'],
    ['in PROD/prod, product, a_prod', 'in <resource group>/<resource group>, product, a_prod'],
    ['client with IP 203.0.113.5', 'client with IP <address>'],
    ['/subscriptions/00000000-1111-2222-3333-444444444444/x', '/subscriptions/<id>/x'],
    [`sha256:${'1'.repeat(64)}`, `sha256:${'1'.repeat(64)}`],
    ['7.88.1-10', '7.88.1-10'],
    ['2026-03-02T09:00:00.000Z', '2026-03-02T09:00:00.000Z'],
  ])('%s', (text, expected) => {
    const names = [
      ['Pullgate0123456789ab', '<component>'],
      ['prod', '<resource group>'],
    ] as const;
    const given = { ...PROOF, steps: PROOF.steps.map((step) => ({ ...step, found: text })) };
    const { steps, unknowns, left, remains } = redacted(
      {
        ...given,
        unknowns: [{ question: 'what?', settled: true, answer: text, details: [text] }],
        left: [{ what: text, toDo: text }],
        remains: [text],
      },
      { names },
    );
    expect(steps.map(({ found }) => found)).toEqual([expected, expected, expected]);
    expect(unknowns).toEqual([{ question: 'what?', settled: true, answer: expected, details: [expected] }]);
    expect([left, remains]).toEqual([[{ what: expected, toDo: expected }], [expected]]);
  });

  it('is the report otherwise, although a resource group may have a word of it as its name', () => {
    const names = ['found', 'done', 'aws', 'repository', 'enforce'].map((name) => [name, '<resource group>'] as const);
    const { steps, unknowns, left, remains, ...rest } = redacted(REPORT, { names });
    expect({ ...REPORT, ...rest }).toEqual(REPORT);
    expect(steps.map(({ name, title, state }) => [name, title, state])).toEqual(
      REPORT.steps.map(({ name, title, state }) => [name, title, state]),
    );
    expect([unknowns, remains]).toEqual([REPORT.unknowns, REPORT.remains]);
    expect(left).toEqual([{ what: 'the <resource group>', toDo: 'run: rm' }]);
  });
});

it('each step is a line with its state, its time and what was found', () => {
  expect(PROOF.steps.map(stepLine)).toEqual([
    '  ok         3m 20s  Found: one',
    '  FAILED         0s  Closed: <b>no</b>',
    '  not run            Opened',
  ]);
});

it('the summary says what was not run, what is left and what to do, and what is still open', () => {
  expect(summaryLines(REPORT)).toEqual([
    '  1 step was not run.',
    '',
    'Not proven on AWS: a step failed. It took 1h 6m.',
    'LEFT BEHIND: the repository',
    '    To do: run: rm',
    'Stays for some time, and has no effect: the record.',
    '',
    'What the documentation of the cloud leaves open, and what this run shows:',
    '  What fields?',
    '    settled: 1 field',
    '  CloudTrail?',
    '    open: not settled: <look>',
  ]);
  const [, , stopped] = summaryLines({ ...REPORT, result: 'interrupted' });
  const [, , proven] = summaryLines({ ...REPORT, result: 'proven' });
  expect(stopped).toMatch(/^Not proven on AWS: you ended the run[.]/);
  expect(proven).toMatch(/^Proven on AWS: found, closed, refused, restored and opened[.]/);
});

describe('the page', () => {
  const page = pageOf(REPORT);

  it('shows each step, what is left, and each open question, as text', () => {
    expect(page).toContain('<h1>pullgate on AWS: not proven: a step failed</h1>');
    expect(page).toContain('<li><b>1h 6m</b>in all</li>');
    expect(page).toContain('<li><b>3m 20s</b>until the scanner found it</li>');
    expect(page).toContain('<li><b>-</b>until the gate was closed</li>');
    expect(page).toContain('<li><b>1 of 2</b>open questions settled</li>');
    expect(page).toContain('<b>Closed</b>: &#60;b&#62;no&#60;/b&#62;');
    expect(page).toContain('the repository. To do: run: rm');
    expect(page).toContain('not settled: &#60;look&#62;');
    expect(page).toContain('<p class="soft">a: string</p>');
    expect(pageOf({ ...REPORT, left: [], remains: [] })).toContain('<li>Nothing.</li>');
  });

  it('loads nothing, and its content policy allows its own style only', () => {
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(page) ?? [];
    expect(page).toContain(`style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(page).not.toMatch(/<script|src=|href="(?!data:,)|style="/);
  });
});

it('the fields of a value are its names and types, without its values', () => {
  expect(fieldsOf({ a: 'x', b: [{ c: 1 }, { c: 2, d: null }], e: new Date(0), f: [] })).toEqual([
    ...['a: string', 'b[].c: number', 'b[].d: null', 'e: time'],
  ]);
});

it('a span is short', () => {
  expect([0, 59.6, 130, 3600, 7260].map(spanOf)).toEqual(['0s', '1m 0s', '2m 10s', '1h 0m', '2h 1m']);
});
