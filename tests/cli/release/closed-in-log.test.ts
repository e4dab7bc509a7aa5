// Tests which gates a log of the function names as closed, in each form in which a log can be exported.
import { expect, test } from 'vitest';
import { closedInLog } from '../../../cli/release/closed-in-log.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const IMAGE = { registry: '/registries/acme', repository: 'team/app', digest: DIGEST };
const REPOSITORY = { registry: '/registries/acme', repository: 'team/whole', digest: undefined };

/** A decision as the function logs it. The digest of a repository's only image is not part of its gate. */
function line({ registry, repository, digest }: typeof IMAGE | typeof REPOSITORY, to: string): string {
  const gate = digest === undefined ? `${registry}/${repository}` : `${registry}/${repository}@${digest}`;
  return JSON.stringify({
    kind: 'decision',
    gate,
    registry,
    repository,
    digest: DIGEST,
    to,
    message: 'a "quoted", text',
  });
}

const OPEN = line({ ...IMAGE, repository: 'team/open' }, 'open');
const WAITING = line({ ...IMAGE, repository: 'team/waiting' }, 'waiting: brake');
const LINES = [OPEN, line(IMAGE, 'closed'), WAITING, '{"kind":"tick"}', line(REPOSITORY, 'closing')];
const inCsv = (text: string) => `"${text.replaceAll('"', '""')}"`;

test.each([
  ['lines of JSON', LINES.join('\n')],
  ['lines of JSON, one of which was cut', [...LINES, LINES[0]?.slice(0, 50)].join('\n')],
  ['AppTraces as JSON', JSON.stringify(LINES.map((Message) => ({ TimeGenerated: '2026-03-02', Message })))],
  ['the answer of a query as JSON', JSON.stringify({ tables: [{ rows: LINES.map((text) => ['2026-03-02', text]) }] })],
  ['AppTraces as CSV', ['TimeGenerated,Message', ...LINES.map((text) => `2026-03-02,${inCsv(text)}`)].join('\r\n')],
])('finds what was closed in %s', (_form, text) => {
  expect(closedInLog(text)).toEqual([IMAGE, REPOSITORY]);
});

test.each([
  ['an empty file', ''],
  ['another document', '{"kind":"tick"}'],
  ['another table', 'Name,Size\n"a","1"'],
])('rejects %s', (_what, text) => {
  expect(() => closedInLog(text)).toThrow('the log has no decision of pullgate: ');
});
