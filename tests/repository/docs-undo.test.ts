// Proves what docs/undo.md says of a function that someone has stopped: an alarm is raised, in the time that the page
// names, and the program sets nothing that a deployment would undo it with.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as aws from '../../aws/component/alarms.ts';
import * as azure from '../../azure/component/alarms.ts';
import { LONGEST_INVOCATION_MINUTES } from '../../cli/pause/wait.ts';
import { START } from '../../local/clock.ts';
import { graphOf } from '../../local/graph.ts';
import { workspaceOf } from '../azure/function/scanner.ts';

const page = readFileSync('docs/undo.md', 'utf8');
const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contoso';

describe('a function that is stopped', () => {
  it('raises an alarm on AWS: no tick is measured, and that counts as trouble', () => {
    const spec = aws.alarmSpecs(6).find(({ name }) => name === 'sweep-overdue');
    expect(spec).toMatchObject({ source: 'log', metric: 'SweepAgeHours', missing: 'breaching' });
    expect(aws.metricSpecs(6).find(({ metric }) => metric === 'SweepAgeHours')?.pattern).toBe('{ $.kind = "tick" }');
    expect((spec?.periodSeconds ?? 0) * (spec?.periods ?? 0)).toBe(30 * 60);
    expect(page).toContain('on AWS after 30 minutes ([aws-sweep-overdue](operations.md#aws-sweep-overdue))');
  });

  it.each([
    ['no log line at all', [], true],
    ['only lines of other kinds', ['decision', 'sweep'], true],
    ['ticks', ['tick', 'decision'], false],
  ])('raises an alert on Azure, whatever the age of the last sweep: %s within the window', (_name, kinds, isRaised) => {
    const spec = azure.alarmSpecs(6).find(({ name }) => name === 'sweep-overdue');
    expect([spec?.windowMinutes, spec?.frequencyMinutes]).toEqual([60, 15]);
    // `ticks == 0` is enough by itself. The local workspace does not know the functions of the other two conditions.
    const [, ticks = ''] =
      /^(where .*\n\| summarize ticks = count\(\)), .*\n\| where ticks == 0 or /.exec(spec?.query ?? '') ?? [];
    const workspace = workspaceOf({
      SecurityRecommendation: kinds.map((kind) => ({ TimeGenerated: START.getTime() - 60_000, Properties: { kind } })),
    });
    const query = `extend line = Properties | ${ticks.replace('line.kind', 'tostring(line.kind)')} | where ticks == 0`;
    const { rows } = workspace.query(`SecurityRecommendation | ${query}`);
    expect(rows).toHaveLength(isRaised ? 1 : 0);
    expect(page).toContain('on Azure after an hour, checked every 15 minutes ([azure-sweep-overdue]');
  });

  it('is stopped by a switch that the program does not set', async () => {
    const { resources } = await graphOf({
      'pullgate:clouds': ['aws', 'azure'],
      'pullgate:azure': { registries: [REGISTRY] },
    });
    const inputsOf = (type: string) => {
      const found = resources.filter((resource) => resource.type === type);
      expect(found).toHaveLength(1);
      return Object.keys(found[0]?.inputs ?? {});
    };
    expect(inputsOf('aws:lambda/function:Function')).not.toContain('reservedConcurrentExecutions');
    expect(inputsOf('azure-native:web:WebApp')).not.toContain('enabled');
    expect(inputsOf('azure-native:web:WebApp')).not.toContain('state');
  });

  it('may go on for as long as an invocation runs: the page says to wait that long', () => {
    expect(LONGEST_INVOCATION_MINUTES).toEqual({ aws: 5, azure: 10 });
    expect(page).toContain('Wait five minutes: an invocation that is running goes on until its timeout.');
    expect(page).toContain('Wait ten minutes: an invocation that is running may go on until its timeout.');
  });
});
