// Tests the alerts: which exist, what each one queries and how often, and who receives them.
import { describe, expect, it } from 'vitest';
import { alarmQuery, alarmSpecs } from '../../../azure/component/alarms.ts';
import { dataLocationOf } from '../../../azure/component/mail.ts';
import { checkQuery } from '../../../local/azure/kql-syntax.ts';
import { START } from '../../../local/clock.ts';
import { workspaceOf } from '../function/scanner.ts';
import { deploy, one } from './deployment.ts';

const RULE = 'azure-native:monitor:ScheduledQueryRule';

interface Criteria {
  readonly allOf: readonly { readonly query: string; readonly failingPeriods: unknown }[];
}

describe('the alerts', () => {
  it.each<[name: string, table: string, query: string, wanted: Record<string, unknown>]>([
    [
      'poison',
      'AppTraces',
      "| where (line.kind == 'tick' and toint(line.poison) > 0) or line.kind == 'refused' or line.deadLettered == true",
      { windowSize: 'PT15M', evaluationFrequency: 'PT5M', severity: 1 },
    ],
    [
      'errors',
      'AppRequests',
      '| where Success == false',
      { windowSize: 'PT15M', evaluationFrequency: 'PT5M', severity: 2 },
    ],
    [
      'failures',
      'AppTraces',
      "| where line.kind == 'failed'\n| summarize by bin(TimeGenerated, 5m)\n| summarize slots = count()\n| where slots >= 2",
      { windowSize: 'PT30M', evaluationFrequency: 'PT5M', severity: 2 },
    ],
    [
      'event-path',
      'AppTraces',
      "| where tostring(line.kind) == 'decision' and tostring(line.action) == 'closed' and tostring(line.triggers[0]) == 'sweep'\n| extend seconds = toint(line.secondsSinceFinding)\n| where seconds > 1800 and seconds < 43200",
      { windowSize: 'PT60M', evaluationFrequency: 'PT15M', severity: 2 },
    ],
    [
      'sweep-overdue',
      'AppTraces',
      "| where line.kind == 'tick'\n| summarize ticks = count(), age = min(todouble(line.sweepAgeHours))\n| where ticks == 0 or isnull(age) or age > 13",
      { windowSize: 'PT60M', evaluationFrequency: 'PT15M', severity: 1 },
    ],
    [
      'scanner-health',
      'AppTraces',
      "| where line.kind == 'scanner'\n| summarize arg_max(TimeGenerated, line)\n| where tobool(line.healthy) == false",
      { windowSize: 'PT15M', evaluationFrequency: 'PT15M', overrideQueryTimeRange: 'P2D', severity: 1 },
    ],
    [
      'unattributed',
      'AppTraces',
      "| where tostring(line.kind) == 'attribution'\n| summarize sweeps = count(), least = min(toint(line.unattributed) + toint(line.unread))\n| where sweeps >= 2 and least > 0",
      { windowSize: 'PT60M', evaluationFrequency: 'PT60M', overrideQueryTimeRange: 'P2D', severity: 2 },
    ],
    [
      'no-row',
      'AppTraces',
      "| where tostring(line.kind) == 'retried' and isnotempty(tostring(line.noRowFor)) and toint(line.tries) >= 5\n| distinct image = tostring(line.noRowFor)\n| summarize images = count()\n| where images >= 2",
      { windowSize: 'PT60M', evaluationFrequency: 'PT15M', severity: 2 },
    ],
    [
      'undetermined',
      'AppTraces',
      '| where toint(line.judgedImages) >= 0\n| summarize arg_max(TimeGenerated, line) by registry = tostring(line.registry), repository = tostring(line.repository)\n| summarize images = sum(toint(line.judgedImages)), undetermined = sum(toint(line.undeterminedImages))\n| where undetermined >= 5 and undetermined * 10 > images',
      { windowSize: 'PT60M', evaluationFrequency: 'PT60M', overrideQueryTimeRange: 'P2D', severity: 2 },
    ],
    [
      'inherited',
      'AppTraces',
      "| where tostring(line.action) == 'closed' and isnotempty(tostring(line.onlyInherited))\n| summarize closings = count(), inherited = sum(iff(tolower(tostring(line.onlyInherited)) == 'true', 1, 0))\n| where inherited >= 5 and inherited * 2 > closings",
      { windowSize: 'PT60M', evaluationFrequency: 'PT60M', overrideQueryTimeRange: 'P2D', severity: 2 },
    ],
    [
      'details',
      'AppTraces',
      "| where tostring(line.kind) == 'details' and TimeGenerated > ago(25h)\n| extend asked = toint(line.asked), unread = toint(line.unread)\n| extend failedAt = iff(unread * 2 > asked, TimeGenerated, datetime(null))\n| summarize asked = sum(asked), unread = sum(unread), oldest = min(failedAt), newest = max(failedAt)\n| where unread >= 10 and unread * 2 > asked and newest - oldest >= 1h",
      { windowSize: 'PT60M', evaluationFrequency: 'PT60M', overrideQueryTimeRange: 'P2D', severity: 2 },
    ],
    [
      'brake',
      'AppTraces',
      "| where line.kind == 'tick' and toint(line.waiting) > 0",
      { windowSize: 'PT15M', evaluationFrequency: 'PT5M', severity: 2 },
    ],
    [
      'refused',
      'AppTraces',
      "| where tostring(line.kind) == 'decision'\n| summarize arg_max(TimeGenerated, line) by gate = tostring(line.gate)\n| where tostring(line['to']) == 'waiting: refused'",
      { windowSize: 'PT15M', evaluationFrequency: 'PT15M', overrideQueryTimeRange: 'P2D', severity: 1 },
    ],
    [
      'locks-unread',
      'AppTraces',
      "| where line.kind == 'tick' and todouble(line.oldestLockReadMinutes) > 60",
      { windowSize: 'PT15M', evaluationFrequency: 'PT15M', severity: 2 },
    ],
    [
      'paused',
      'AppTraces',
      "| where line.kind == 'tick' and todouble(line.pausedHours) > 24",
      { windowSize: 'PT60M', evaluationFrequency: 'PT60M', severity: 2 },
    ],
  ])('report %s, and its end', async (name, table, query, wanted) => {
    const deployment = await deploy({ sweepHours: 12, cveDetails: { managementGroupId: 'platform' } });
    const { inputs } = one(deployment, RULE, `pullgate-${name}-alarm`);
    const log = one(deployment, 'azure-native:applicationinsights:Component', 'pullgate-log');
    const workspace = one(deployment, 'azure-native:operationalinsights:Workspace', 'pullgate-workspace');
    expect(inputs).toMatchObject({
      ...wanted,
      enabled: true,
      autoMitigate: true,
      scopes: [workspace.id],
      actions: { actionGroups: [] },
      description: expect.stringMatching(
        `^pullgate in pullgate-group[0-9a-f]{8}: .{60,}[.] Runbook: docs/operations.md#azure-${name}$`,
      ),
    });
    const [criterion, ...others] = (inputs['criteria'] as Criteria).allOf;
    expect(others).toEqual([]);
    expect(criterion).toMatchObject({
      timeAggregation: 'Count',
      operator: 'GreaterThan',
      threshold: 0,
      failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
    });
    const [from, ours, ...rest] = criterion?.query.split('\n') ?? [];
    expect([from, ours]).toEqual([table, `| where _ResourceId =~ '${log.id}'`]);
    const read = table === 'AppTraces' ? ['| extend line = parse_json(Message)'] : [];
    expect(rest.join('\n')).toBe([...read, query].join('\n'));
  });

  const hour = 3_600_000;
  const REFUSED = 'waiting: refused';
  it.each<[string, readonly (readonly [hoursAgo: number, gate: string, to: string])[], boolean]>([
    ['was refused', [[1, 'a', REFUSED]], true],
    ['was refused at the sweep before a daily one', [[25, 'a', REFUSED]], true],
    [
      'was refused, and another one was closed later',
      [
        [2, 'a', REFUSED],
        [1, 'b', 'closed'],
      ],
      true,
    ],
    [
      'was refused at each sweep',
      [
        [7, 'a', REFUSED],
        [1, 'a', REFUSED],
      ],
      true,
    ],
    [
      'was refused, and closed at the next sweep',
      [
        [7, 'a', REFUSED],
        [1, 'a', 'closed'],
      ],
      false,
    ],
    [
      'was refused, and needs no closing any longer',
      [
        [7, 'a', REFUSED],
        [1, 'a', 'open'],
      ],
      false,
    ],
    ['waits for the brake', [[1, 'a', 'waiting: brake']], false],
    ['was refused before two days, and left no line since', [[49, 'a', REFUSED]], false],
  ])('report closings that are refused: a gate %s', (_name, decisions, isRaised) => {
    const rows = decisions.map(([hoursAgo, gate, to]) => ({
      TimeGenerated: START.getTime() - hoursAgo * hour,
      Properties: { kind: 'decision', gate, to },
    }));
    const { query = '', lookbackDays } = alarmSpecs(24).find(({ name }) => name === 'refused') ?? {};
    const lines = `SecurityRecommendation | where TimeGenerated > ago(${lookbackDays}d) | extend line = Properties`;
    const workspace = workspaceOf({ SecurityRecommendation: rows });
    expect(workspace.query(`${lines} | ${query}`).rows).toHaveLength(isRaised ? 1 : 0);
  });

  it.each([
    ['closed by a sweep for a finding of an hour', 'closed', 'sweep', 3_600, true],
    ['closed by its event', 'closed', 'finding', 3_600, false],
    ['closed with new settings', 'closed', 'settings', 3_600, false],
    ['restored by a sweep', 'restored', 'sweep', 3_600, false],
    ['closed by a sweep that was faster than the event', 'closed', 'sweep', 600, false],
    ['closed by a sweep for a finding that is older than the sweep before', 'closed', 'sweep', 30_000, false],
  ])('report that events do not arrive: a gate was %s', (_name, action, trigger, secondsSinceFinding, isRaised) => {
    const Properties = { kind: 'decision', action, triggers: [trigger], secondsSinceFinding };
    const workspace = workspaceOf({ SecurityRecommendation: [{ TimeGenerated: START.getTime(), Properties }] });
    const { query = '' } = alarmSpecs(6).find(({ name }) => name === 'event-path') ?? {};
    const { rows } = workspace.query(`SecurityRecommendation | extend line = Properties | ${query}`);
    expect(rows).toHaveLength(isRaised ? 1 : 0);
  });

  it('about details exist only if the stack reads details', async () => {
    const { registered } = await deploy();
    const names = registered.filter(({ type }) => type === RULE).map(({ name }) => name);
    expect(names).toContain('pullgate-unattributed-alarm');
    expect(names).not.toContain('pullgate-details-alarm');
    expect(names).not.toContain('pullgate-inherited-alarm');
  });

  it('notify every recipient through one action group', async () => {
    const deployment = await deploy({ notifyEmails: ['a@example.com', 'b@example.com'] });
    const group = one(deployment, 'azure-native:monitor:ActionGroup', 'pullgate-alarms');
    expect(group.inputs).toMatchObject({
      enabled: true,
      groupShortName: 'pullgate',
      emailReceivers: [
        { name: 'a@example.com', emailAddress: 'a@example.com', useCommonAlertSchema: true },
        { name: 'b@example.com', emailAddress: 'b@example.com', useCommonAlertSchema: true },
      ],
    });
    for (const { inputs } of deployment.registered.filter(({ type }) => type === RULE))
      expect(inputs['actions']).toEqual({ actionGroups: [group.id] });
  });

  it('query only one component, whatever else the workspace contains', () => {
    for (const spec of alarmSpecs(6)) expect(alarmQuery(spec, '/a/component')).toContain("=~ '/a/component'");
  });
});

describe('the queries', () => {
  /**
   * The documented columns that the queries use.
   * Sources: https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces,
   * https://learn.microsoft.com/azure/azure-monitor/reference/tables/apprequests
   */
  const TABLES = [
    'let AppTraces = datatable(TimeGenerated: datetime, _ResourceId: string, Message: string)[];',
    'let AppRequests = datatable(TimeGenerated: datetime, _ResourceId: string, Success: bool)[];',
  ].join('\n');

  it.each(alarmSpecs(6).map((spec) => [spec.name, spec] as const))('are valid: %s', (_name, spec) => {
    expect(checkQuery(`${TABLES}\n${alarmQuery(spec, '/a/component')}`)).toEqual([]);
  });

  it('are really checked: an unknown column is found', () => {
    const [spec] = alarmSpecs(6);
    if (spec === undefined) throw new Error('there is no alert');
    const wrong = { ...spec, query: 'where Line.kind == 1' };
    expect(checkQuery(`${TABLES}\n${alarmQuery(wrong, '/a/component')}`)).toMatchObject([{ at: 'Line' }]);
  });
});

describe('mails', () => {
  it('are stored near the stack', async () => {
    const deployment = await deploy({ notifyEmails: ['a@example.com'] });
    const emails = one(deployment, 'azure-native:communication:EmailService', 'pullgate-emails');
    const domain = one(deployment, 'azure-native:communication:Domain', 'pullgate-domain');
    const service = one(deployment, 'azure-native:communication:CommunicationService', 'pullgate-mail');
    expect(emails.inputs['dataLocation']).toBe('Europe');
    expect(domain.inputs).toMatchObject({ domainName: 'AzureManagedDomain', domainManagement: 'AzureManaged' });
    expect(service.inputs).toMatchObject({
      dataLocation: 'Europe',
      linkedDomains: [domain.id],
      disableLocalAuth: true,
    });
  });

  it.each<[location: string, kept: string]>([
    ['westeurope', 'Europe'],
    ['North Europe', 'Europe'],
    ['swedencentral', 'Europe'],
    ['uksouth', 'UK'],
    ['germanywestcentral', 'Germany'],
    ['francecentral', 'France'],
    ['switzerlandnorth', 'Switzerland'],
    ['norwayeast', 'Norway'],
    ['southeastasia', 'Asia Pacific'],
    ['eastasia', 'Asia Pacific'],
    ['centralindia', 'India'],
    ['japaneast', 'Japan'],
    ['koreacentral', 'Korea'],
    ['australiaeast', 'Australia'],
    ['brazilsouth', 'Brazil'],
    ['canadacentral', 'Canada'],
    ['uaenorth', 'UAE'],
    ['southafricanorth', 'Africa'],
    ['eastus2', 'United States'],
    ['a future region', 'United States'],
  ])('of a stack in %s are stored in %s', (location, kept) => {
    expect(dataLocationOf(location)).toBe(kept);
  });
});
