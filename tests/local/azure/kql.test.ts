// The queries of the local workspace: the answers of Kusto's operators and functions, and errors for anything
// unsupported.
import { describe, expect, it } from 'vitest';
import { checkQuery } from '../../../local/azure/kql-syntax.ts';
import type { Row } from '../../../local/azure/tables.ts';
import { createWorkspace, type RunningWorkspace } from '../../../local/azure/workspace.ts';
import { type Clock, virtualClock } from '../../../local/clock.ts';

const NOW = Date.parse('2026-03-02T09:00:00Z');
const hours = 3_600_000;

function workspaceOf(
  rows: readonly Row[],
  nested: readonly Row[] = [],
  clock: Clock = virtualClock(),
): RunningWorkspace {
  const workspace = createWorkspace(clock);
  workspace.ingestionDelayMilliseconds = 0;
  for (const row of rows) workspace.ingest('SecurityRecommendation', row);
  for (const row of nested) workspace.ingest('SecurityNestedRecommendation', row);
  return workspace;
}

const one = workspaceOf([
  {
    AssessedResourceId: '/subscriptions/S/Team/App',
    TimeGenerated: NOW,
    Properties: { a: 'x', list: [1, 2], text: '{"y":1}', null: null, deep: { b: true } },
  },
]);

/** The value of one expression, on one row. */
function valueIn(expression: string): unknown {
  return one.query(`SecurityRecommendation | project V = ${expression}`).rows[0]?.['V'];
}

describe('an expression', () => {
  it.each<[string, unknown]>([
    ['"a" == "a"', true],
    ['"a" == "A"', false],
    ['"a" != "A"', true],
    ['AssessedResourceId contains "team/app"', true],
    ['AssessedResourceId contains ""', true],
    ['AssessedResourceId contains "team/apps"', false],
    ['AssessedResourceId has "app"', true],
    ['AssessedResourceId has "team/app"', true],
    ['AssessedResourceId has "ap"', false],
    ['AssessedResourceId has "eam/app"', false],
    ['AssessedResourceId has "/app"', true],
    ['"A" in~ ("b", "a")', true],
    ['"A" in~ (dynamic(["b", "a", null]))', true],
    ['"c" in~ (dynamic(null))', false],
    ['bool(null) == bool(null)', null],
    ['bool(null) != bool(null)', null],
    ['IsSnapshot == false', false],
    ['IsSnapshot != false', true],
    ['not(IsSnapshot)', null],
    ['IsSnapshot and false', false],
    ['IsSnapshot and true', null],
    ['IsSnapshot or true', true],
    ['false or IsSnapshot', null],
    ['DiscoveredTimeUTC > now()', null],
    ['TimeGenerated > ago(1d)', true],
    ['TimeGenerated >= now()', true],
    ['TimeGenerated < now() - 1ms', false],
    ['TimeGenerated <= ago(24h) + 1.5d', true],
    ['now(-1h) == ago(1h)', true],
    ['TimeGenerated == datetime(2026-03-02T09:00:00Z)', true],
    ['now() - ago(1d) == 24h', true],
    ['tostring(Properties.a)', 'x'],
    ['tostring(Properties["a"])', 'x'],
    ['tostring(Properties.A)', ''],
    ['tostring(Properties.a.b.c)', ''],
    ['tostring(Properties.list[1])', '2'],
    ['tostring(Properties.list)', '[1,2]'],
    ['tostring(Properties.deep)', '{"b":true}'],
    ['tostring(Properties.text.y)', ''],
    ['tostring(Properties.null)', ''],
    ['Properties.list', [1, 2]],
    ['tolower("AbC")', 'abc'],
    ['strcat("a", Properties.a, 1, "")', 'ax1'],
    ['replace_string("a.b.a", "a", "$&")', '$&.b.$&'],
    ['replace_string("a.b", "A", "")', 'a.b'],
    ['iff(IsSnapshot, "yes", "no")', 'no'],
    ['iff(not(IsSnapshot == true), "yes", "no")', 'yes'],
    ['isempty(Properties.none)', true],
    ['isempty(Description)', true],
    ['isnotempty(Properties.list)', true],
    ['isempty(dynamic([]))', false],
    ['array_length(Properties.list)', 2],
    ['array_length(Properties.a)', null],
    ['extract_all("(CVE-[0-9]+)", "CVE-1, CVE-22, CVE-1")', ['CVE-1', 'CVE-22', 'CVE-1']],
    [
      'extract_all("([a-z])([0-9])", "a1 b2")',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['extract_all("(?i)(cve)", "CVE cve")', ['CVE', 'cve']],
    ['extract_all("(x)", "y")', null],
    ['set_difference(dynamic(["a", "b", "a", 1]), dynamic(["b"]), dynamic([1]))', ['a']],
    ['set_difference(dynamic(null), dynamic(["b"]))', null],
    ['extract("a(.)c", 1, "xabc")', 'b'],
    ['extract("a(.)c", 0, "xabc")', 'abc'],
    ['extract("a(.)c", 1, "x")', ''],
    ['coalesce(array_length(dynamic(null)), 0)', 0],
    ['coalesce("", Description, "c")', 'c'],
    ['"a" in (dynamic(["A", "a"]))', true],
    ['"a" in ("A")', false],
    ['countof("aaa", "aa")', 2],
    ['countof("aaa", "aa", "regex")', 1],
    ['countof("aaa", "b")', 0],
    ['2 * array_length(Properties.list)', 4],
    ['2 * array_length(Properties.a)', null],
  ])('%s', (expression, wanted) => {
    expect(valueIn(expression)).toEqual(wanted);
  });

  it.each<[string, RegExp]>([
    ['tostring(TimeGenerated)', /does not know how Kusto writes a datetime/],
    ['Properties.a == "x"', /EqualExpression of dynamic and string/],
    ['toupper("a")', /does not support the function toupper/],
    ['"a" startswith "b"', /does not support StartsWithExpression/],
    ['"a" =~ "b"', /does not support/],
    ['1.5 + 1', /AddExpression of real and long/],
    ['1.5 * 1', /MultiplyExpression of real and long/],
    ['extract_all("(?=a)(b)", "b")', /RE2/],
    ['extract_all("b", "b")', /capturing group/],
    ["dynamic(['a'])", /supports only JSON in dynamic/],
    ['case(true, 1, 2)', /does not support the function case/],
  ])('is rejected: %s', (expression, message) => {
    expect(() => valueIn(expression)).toThrow(message);
  });
});

const table = workspaceOf(
  [
    { AssessedResourceId: 'a', TimeGenerated: NOW - 2 * hours, RecommendationState: 'Unhealthy' },
    { AssessedResourceId: 'A', TimeGenerated: NOW - 1 * hours, RecommendationState: 'Healthy' },
    { AssessedResourceId: 'b', TimeGenerated: NOW - 30 * hours, RecommendationState: 'Unhealthy', IsSnapshot: true },
    { AssessedResourceId: 'c', RecommendationState: 'Unhealthy', IsSnapshot: false },
  ],
  [{ AssessedResourceId: 'n', Id: 'sub', TimeGenerated: NOW }],
);

describe('a query', () => {
  it.each<[string, string, readonly unknown[]]>([
    [
      'drops rows for which where is false or null',
      'SecurityRecommendation | where IsSnapshot == false or TimeGenerated > ago(1d) | project AssessedResourceId',
      ['a', 'A', 'c'].map((AssessedResourceId) => ({ AssessedResourceId })),
    ],
    [
      'adds and replaces columns with extend',
      'SecurityRecommendation | where AssessedResourceId == "b" | extend X = "x", Description = tolower("D") | project X, Description',
      [{ X: 'x', Description: 'd' }],
    ],
    [
      'distinct',
      'SecurityRecommendation | distinct RecommendationState',
      [{ RecommendationState: 'Unhealthy' }, { RecommendationState: 'Healthy' }],
    ],
    [
      'returns the latest row per key',
      'SecurityRecommendation | extend Id = tolower(AssessedResourceId) | summarize arg_max(TimeGenerated, *) by Id | project Id, AssessedResourceId, RecommendationState',
      [
        { Id: 'a', AssessedResourceId: 'A', RecommendationState: 'Healthy' },
        { Id: 'b', AssessedResourceId: 'b', RecommendationState: 'Unhealthy' },
        { Id: 'c', AssessedResourceId: 'c', RecommendationState: 'Unhealthy' },
      ],
    ],
    [
      'returns two columns of the latest row, and a maximum',
      'SecurityRecommendation | summarize arg_max(TimeGenerated, RecommendationState), Last = max(TimeGenerated) by Id = tolower(AssessedResourceId) | where Id == "a"',
      [{ Id: 'a', TimeGenerated: NOW - hours, RecommendationState: 'Healthy', Last: NOW - hours }],
    ],
    [
      'returns the count, the minimum and the sum',
      'SecurityRecommendation | extend N = toint(array_length(dynamic([1, 2]))) | summarize Rows = count(), Least = min(N + 1), Sum = sum(N), First = min(TimeGenerated)',
      [{ Rows: 4, Least: 3, Sum: 8, First: NOW - 30 * hours }],
    ],
    [
      'returns the sum 0 for no rows',
      'SecurityRecommendation | where AssessedResourceId == "none" | summarize Rows = count(), Sum = sum(array_length(Properties.list))',
      [{ Rows: 0, Sum: 0 }],
    ],
    [
      'returns any value of a group',
      'SecurityRecommendation | summarize Any = take_any(RecommendationState) by Id = tolower(AssessedResourceId) | where Id == "b"',
      [{ Id: 'b', Any: 'Unhealthy' }],
    ],
    [
      'returns the latest rows',
      'SecurityRecommendation | top 2 by TimeGenerated desc | project AssessedResourceId, RecommendationState',
      [
        { AssessedResourceId: 'A', RecommendationState: 'Healthy' },
        { AssessedResourceId: 'a', RecommendationState: 'Unhealthy' },
      ],
    ],
    [
      'fills the columns that one table of a union lacks',
      'union (SecurityRecommendation | where AssessedResourceId == "b"), (SecurityNestedRecommendation) | project AssessedResourceId, Id, RecommendationId, IsSnapshot',
      [
        { AssessedResourceId: 'b', Id: '', RecommendationId: '', IsSnapshot: true },
        { AssessedResourceId: 'n', Id: 'sub', RecommendationId: '', IsSnapshot: null },
      ],
    ],
    [
      'binds values and tables with let',
      'let since = 3h; let names = dynamic(["A"]); let fresh = SecurityRecommendation | where TimeGenerated > ago(since); fresh | where AssessedResourceId in~ (names) | union (fresh | where RecommendationState == "Healthy") | project RecommendationState',
      ['Unhealthy', 'Healthy', 'Healthy'].map((RecommendationState) => ({ RecommendationState })),
    ],
  ])('%s', (_what, query, wanted) => {
    expect(table.query(query).rows).toEqual(wanted);
  });

  it.each<[string, RegExp]>([
    ['SecurityRecommendation | take 1', /does not support TakeOperator/],
    ['SecurityRecommendation | order by TimeGenerated', /does not support SortOperator/],
    ['SecurityRecommendation | top 1 by TimeGenerated', /does not support TopOperator/],
    ['SecurityRecommendation | top 1 by RecommendationState desc', /does not support TopOperator/],
    ['SecurityRecommendation | summarize dcount(AssessedResourceId)', /does not support/],
    ['SecurityRecommendation | summarize X = countif(IsSnapshot)', /does not support/],
    ['SecurityRecommendation | project tolower(AssessedResourceId)', /needs a name/],
    [
      'union kind=inner SecurityRecommendation, SecurityNestedRecommendation',
      /does not support the parameter kind=inner/,
    ],
    ['let f = (x: string) { x }; SecurityRecommendation | project X = f("a")', /./],
    ['print 1', /does not support PrintOperator/],
  ])('is rejected: %s', (query, message) => {
    expect(() => table.query(query)).toThrow(message);
  });
});

describe('the check of a query', () => {
  it.each<[string, string, readonly string[]]>([
    ['a valid query', 'SecurityRecommendation | where AssessedResourceId has "x" | project Properties', []],
    ['a column that the table does not have', 'SecurityRecommendation | project RegistryName', ['RegistryName']],
    ['a table that does not exist', 'SecurityAssessment | project Id', ['SecurityAssessment']],
    ['text where a time is needed', 'SecurityRecommendation | where ago("x") > TimeGenerated', ['"x"']],
    ['broken syntax', 'SecurityRecommendation | where (', ['', '']],
  ])('%s', (_what, query, wanted) => {
    expect(checkQuery(query).map(({ at }) => at)).toEqual(wanted);
  });

  it('is applied to every query', () => {
    expect(() => table.query('SecurityRecommendation | project RegistryName')).toThrow(
      /the query is wrong: KS142.*RegistryName/,
    );
  });
});

describe('what the first lines bind', () => {
  const query = (name: string, names: string) =>
    `let Name = "${name}";\nlet Names = dynamic(${names});\nlet Since = 1d;\nSecurityRecommendation | where AssessedResourceId == Name or AssessedResourceId in (Names) | project AssessedResourceId`;
  const idsOf = (text: string) => table.query(text).rows.map(({ AssessedResourceId }) => AssessedResourceId);

  it('is evaluated each time, even if the query is parsed once', () => {
    expect([query('a', '[]'), query('b', '["c"]'), query('none', '["A", "b"]')].map(idsOf)).toEqual([
      ['a'],
      ['b', 'c'],
      ['A', 'b'],
    ]);
  });

  it('determines the columns computed from it each time, as the time does', () => {
    const clock = virtualClock();
    const workspace = workspaceOf([{ AssessedResourceId: 'a' }], [], clock);
    const rowOf = (name: string) =>
      workspace.query(
        `let Name = "${name}";\nSecurityRecommendation | extend V = strcat(Name, AssessedResourceId), Day = ago(1d) | project V, Day, Now = now()`,
      ).rows[0];
    expect(rowOf('x')).toEqual({ V: 'xa', Day: NOW - 24 * hours, Now: NOW });
    clock.advance(hours);
    expect(rowOf('y')).toEqual({ V: 'ya', Day: NOW - 23 * hours, Now: NOW + hours });
  });

  it.each(['["a]', "['a']", '[]) | take 1 //'])('is checked if it is not JSON: %s', (names) => {
    expect(() => idsOf(query('a', names))).toThrow();
  });
});
