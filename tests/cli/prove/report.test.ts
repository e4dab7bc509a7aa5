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
    ['client with IP 203.0.113.5', 'client with IP <address>'],
    ['/subscriptions/00000000-1111-2222-3333-444444444444/x', '/subscriptions/<id>/x'],
    [`sha256:${'1'.repeat(64)}`, `sha256:${'1'.repeat(64)}`],
    ['7.88.1-10', '7.88.1-10'],
    ["The client 'ada@example.com' with object id", "The client '<person>' with object id"],
    ['caller ada_mail.example#EXT#@rg.onmicrosoft.com;', 'caller <person>;'],
    ['"upn":"grace.h@Rg.com"', '"upn":"<person>"'],
    ['team/app@sha256:1 lodash@4.17.21', 'team/app@sha256:1 lodash@4.17.21'],
    ['/resourceGroups/rg/x', '/resourceGroups/<resource group>/x'],
    ['/resourcegroups/RG, MC_rg_x', '/resourcegroups/<resource group>, MC_<resource group>_x'],
    ['a large target merges', 'a large target merges'],
    ['2026-03-02T09:00:00.000Z', '2026-03-02T09:00:00.000Z'],
  ])('%s', (text, expected) => {
    const names = [
      ['Pullgate0123456789ab', '<component>'],
      ['rg', '<resource group>'],
    ] as const;
    expect(redacted({ a: [text], b: { c: text }, d: 1, e: null, f: true }, { names })).toEqual({
      ...{ a: [expected], b: { c: expected }, d: 1, e: null, f: true },
    });
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
