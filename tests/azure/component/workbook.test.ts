// Tests that the queries of the workbook and of the runbook are valid Kusto, and read only fields that real log lines
// have.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmQuery, alarmSpecs } from '../../../azure/component/alarms.ts';
import { PANELS } from '../../../azure/component/panels.ts';
import { workbookContent } from '../../../azure/component/workbook.ts';
import { checkQuery } from '../../../local/azure/kql-syntax.ts';
import { DAY, HOUR, MINUTE, stage } from '../../e2e/azure/stage.ts';
import { blocksOf } from '../../repository/doc-blocks.ts';
import { deploy, one } from './deployment.ts';
import { shownBy } from './raised.ts';

/**
 * The documented columns that the queries use.
 * Sources: https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces,
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests,
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables/appexceptions,
 * https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns
 */
const TABLES = [
  'let AppTraces = datatable(TimeGenerated: datetime, _ResourceId: string, Message: string, _IsBillable: bool, _BilledSize: real)[];',
  'let AppRequests = datatable(TimeGenerated: datetime, _ResourceId: string, Name: string, Success: bool, DurationMs: real)[];',
  'let AppExceptions = datatable(TimeGenerated: datetime, _ResourceId: string, OperationName: string, OuterMessage: string)[];',
].join('\n');
const checked = (query: string) => checkQuery(`${TABLES}\n${query}`);

const PAGES = blocksOf(readFileSync('docs/operations.md', 'utf8'), 'kusto');

interface Item {
  readonly type: number;
  readonly name: string;
  readonly customWidth?: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** The log line fields that a query reads: `line.kind`, `line['to']`, `line.triggers[0]`. */
function fieldsOf(query: string): readonly string[] {
  return [...query.matchAll(/\bline(?:\.|\[')(\w+)/g)].map(([, field = '']) => field);
}

describe('the queries', () => {
  it.each(PANELS.map((panel) => [panel.name, panel] as const))('of the workbook are valid: %s', (_name, panel) => {
    expect(checked(alarmQuery(panel, '/a/component'))).toEqual([]);
  });

  it.each(PAGES.map((query) => [query.split('\n').slice(2).join(' '), query] as const))(
    'of the runbook are valid: %s',
    (_name, query) => {
      expect(checked(query)).toEqual([]);
    },
  );

  it('are really checked: an unknown column is found', () => {
    expect(checked('AppTraces | where Line.kind == 1')).toMatchObject([{ at: 'Line' }]);
  });

  it('read only fields that occur in the log of a real run', async () => {
    const s = await stage({ maxClosesPerHour: 1, azure: { cveDetails: { managementGroupId: 'platform' } } });
    // Ticks sweep at once, after six hours, after the eleven days, and when the pause begins. The other two admit a
    // gate. None does both, because the order of the two requests is not fixed.
    await s.tick();
    await s.close('v1');
    await s.close('v2');
    await s.report(s.push('v3'), {
      severity: 'Dire',
      details: 'rich',
      cves: [{ id: 'CVE-2026-1003', severity: 'Dire' }],
    });
    await s.report(s.push('v5'), { naming: 'nothing', additionalAs: 'missing' });
    s.send('hello');
    const [forgotten = ''] = await s.report(s.push('v7'), { event: false });
    const event = s.cloud.defender.eventOf(forgotten);
    s.cloud.defender.forget(forgotten);
    await s.cloud.defender.sendEvent(event);
    await s.runUntilIdle();
    s.cloud.faults.add({ kind: 'error', status: 403, code: 'DENIED', message: 'no', service: 'acr', times: 1_000 });
    s.cloud.clock.advance(MINUTE);
    await s.report(s.push('v4'));
    await s.runUntilIdle();
    s.cloud.faults.clear();
    // The retries took two hours.
    s.cloud.clock.advance(3.5 * HOUR);
    await s.tick();
    s.cloud.clock.advance(0.5 * HOUR);
    await s.tick();
    s.cloud.clock.advance(11 * DAY);
    await s.close('v6');
    await s.tick();
    s.cloud.clock.advance(HOUR + 5 * MINUTE);
    await s.tick();
    await s.setPause(true);
    await s.tick();

    expect(s.lines('sweep')).toHaveLength(4);
    const lines = s.cloud.logs.flatMap(({ json }) => (json === undefined ? [] : [json]));
    const known = new Set(lines.flatMap((line) => Object.keys(line)));
    const asked = [...PANELS, ...alarmSpecs(6)].map((spec) => alarmQuery(spec, '/a/component'));
    for (const query of [...asked, ...PAGES]) {
      expect([query, fieldsOf(query).filter((field) => !known.has(field))]).toEqual([query, []]);
    }
    // The panels show true numbers: an event closes a gate after its two minutes in the queue, and a gate that the
    // brake held took the hours that it waited.
    const closings = s.lines('decision').filter(({ action }) => action === 'closed');
    expect(closings.map(({ triggers }) => (triggers as readonly string[])[0])).toEqual([
      'finding',
      'tick',
      'tick',
      'tick',
    ]);
    // Log Analytics no longer has a row for the third gate: it was closed for the findings in its record. The last one
    // came while the third waited.
    const [first, held, remembered, overtaken] = closings.map(({ secondsSinceFinding }) => secondsSinceFinding);
    // Each message waits 110 to 120 seconds.
    expect(Math.abs(Number(first) - 115)).toBeLessThanOrEqual(5);
    expect(remembered).toBeUndefined();
    expect(Math.min(Number(held), Number(overtaken))).toBeGreaterThan(3_600);
    expect(s.lines('decision').find(({ undeterminedImages }) => undeterminedImages === 1)).toMatchObject({
      undeterminedWhy: 'Dire',
      gate: expect.stringMatching(/\/registries\/acmeimages\/team\/app@sha256:/),
    });
    const services = s.lines('usage').flatMap(({ calls }) => Object.keys(calls as object));
    expect(new Set(services)).toEqual(new Set(['table', 'queue', 'graph', 'logs', 'arm', 'registry', 'mail']));
    const counted = s.lines('usage').reduce((sum, { allCalls }) => sum + Number(allCalls), 0);
    expect(counted).toBeGreaterThan(0);
  });
});

describe('the workbook', () => {
  it('belongs to the Application Insights component, keeps its name, and returns its URL', async () => {
    const deployment = await deploy();
    const workbook = one(deployment, 'azure-native:applicationinsights:Workbook', 'pullgate-workbook');
    const log = one(deployment, 'azure-native:applicationinsights:Component', 'pullgate-log');
    const workspace = one(deployment, 'azure-native:operationalinsights:Workspace', 'pullgate-workspace');
    const group = String(workbook.inputs['resourceGroupName']);
    expect(workbook.inputs).toMatchObject({
      resourceName: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/),
      kind: 'shared',
      category: 'workbook',
      displayName: `pullgate in ${group}`,
      sourceId: log.id,
    });
    expect(JSON.parse(String(workbook.inputs['serializedData']))).toEqual(workbookContent(group, workspace.id, log.id));
  });

  const { items } = workbookContent('group', '/the/workspace', '/the/component') as unknown as {
    items: readonly Item[];
  };
  const panels = items.filter(({ type }) => type === 3);

  it('has every documented panel, and each queries the workspace for this component', () => {
    expect(panels.map(({ content }) => content['title'])).toEqual([
      'Now: hours since the last sweep, minutes since the oldest read of a lock, gates waiting for the brake, messages in the poison queue',
      'Gates now, by state',
      'Gates now that are not open',
      'Closes and opens per day',
      'Seconds from finding to close: median and 95th percentile',
      'Seconds from finding to close, by trigger',
      'Undetermined images now, with unrecognized severities',
      'Undetermined images, percent of those judged',
      'Closings on inherited severities only, percent',
      'CVEs whose details could not be read, percent of those that need them',
      'Images with recommendations that match no registry, or one that did not respond',
      'Images whose events no row confirmed at first, and after half an hour',
      'Brake: gates waiting, and gates closed in the last hour',
      'Sweep age in hours',
      'Messages in the poison queue',
      'Latest failures and scanner problems',
      'API calls per day by service, including retries',
      'Billed usage: invocations and their total minutes per day',
      'Billed usage: log bytes per day',
    ]);
    for (const { content } of panels) {
      expect(content).toMatchObject({
        version: 'KqlItem/1.0',
        queryType: 0,
        resourceType: 'microsoft.operationalinsights/workspaces',
        crossComponentResources: ['/the/workspace'],
        query: expect.stringContaining("where _ResourceId =~ '/the/component'"),
      });
    }
  });

  it('follows the chosen time range, except for the panels about now', () => {
    const [parameters] = items.filter(({ type }) => type === 9);
    expect(parameters?.content['parameters']).toMatchObject([
      { name: 'TimeRange', value: { durationMs: 604_800_000 } },
    ]);
    const fixed = panels.filter(({ content }) => content['timeContextFromParameter'] !== 'TimeRange');
    expect(fixed.map(({ name }) => name)).toEqual(['now', 'states', 'gates', 'undetermined']);
    for (const { content } of fixed) expect(content['timeContext']).toEqual({ durationMs: 604_800_000 });
  });

  it('shows the undetermined images of a repository by its last line about all of them, and of an image by its last', () => {
    const decision = { kind: 'decision', undeterminedWhy: 'Dire' };
    const repository = { ...decision, gate: '/r/team/app' };
    const image = { ...decision, gate: '/r/team/app@sha256:1' };
    const shown = shownBy('undetermined', [
      [3, { ...repository, judgedImages: 9, undeterminedImages: 2 }],
      // An event about one image, and a line of an untouched gate.
      [2, { ...repository, undeterminedImages: 0, digest: 'sha256:2' }],
      [1, { ...repository, undeterminedImages: 0 }],
      [3, { ...image, undeterminedImages: 1 }],
      [3, { ...image, gate: '/r/team/app@sha256:2', undeterminedImages: 1 }],
      [2, { ...image, gate: '/r/team/app@sha256:2', undeterminedImages: 0 }],
    ]);
    expect(shown).toEqual([
      expect.objectContaining({ gate: '/r/team/app', images: 2, why: 'Dire' }),
      expect.objectContaining({ gate: '/r/team/app@sha256:1', images: 1, why: 'Dire' }),
    ]);
  });

  it('has a unique name for each item, and tiles of columns that the query returns', () => {
    expect(new Set(items.map(({ name }) => name)).size).toBe(items.length);
    for (const { content } of panels.filter(({ content }) => content['visualization'] === 'tiles')) {
      const { titleContent, leftContent } = content['tileSettings'] as Record<string, { columnMatch: string }>;
      for (const column of [titleContent?.columnMatch, leftContent?.columnMatch])
        expect(content['query']).toMatch(new RegExp(`\\b${column} = `));
    }
  });
});
