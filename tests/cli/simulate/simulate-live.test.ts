// Tests `pullgate simulate` without files against the local clouds: it uses the functions' adapters and read-only
// permissions, and changes nothing.
import { describe, expect, test } from 'vitest';
import type { UsageSum } from '../../../shared/gate/usage.ts';
import { CRITICAL, stage } from '../../e2e/aws/stage.ts';
import * as azure from '../../e2e/azure/stage.ts';
import { actionsOf, asOperator, fileOf, OPERATOR, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastForLive, leastToObserveOnAzure } from '../command-observing.ts';

const MEDIUM = { ...CRITICAL, vulnerability: 'CVE-2026-1002', severity: 'MEDIUM' };
const EXCEPTED = {
  severityThreshold: 'medium',
  exceptions: [{ id: 'CVE-2026-1001', expires: '2099-12-31', reason: 'reviewed' }],
};

interface Answer {
  readonly gates: readonly {
    readonly name: string;
    readonly change: string;
    readonly reasons: readonly { readonly finding: { readonly vulnerability: string } }[];
    readonly exempted: readonly { readonly until: string }[];
    readonly waitingFor?: string;
    readonly usage?: UsageSum;
  }[];
}
const SERVES_LAMBDA = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'ecr:BatchGetImage' }],
});
const shown = (stdout: string) =>
  (JSON.parse(stdout) as Answer).gates.map(({ name, change, reasons, exempted, waitingFor }) => [
    name,
    change,
    reasons.map(({ finding }) => finding.vulnerability),
    exempted.map(({ until }) => until),
    ...(waitingFor === undefined ? [] : [waitingFor]),
  ]);
const usesIn = (stdout: string) => (JSON.parse(stdout) as Answer).gates.map(({ name, usage }) => [name, usage]);
const UNTIL = '2100-01-01T00:00:00.000Z';

describe('the live clouds', () => {
  test('AWS: shows what another policy would change, and requests the findings that either policy needs', async () => {
    const s = await stage({ severityThreshold: 'high', aws: { repositories: { exclude: ['sandbox/**'] } } });
    await s.pushVulnerable('team/closed', 'v1', CRITICAL);
    const medium = await s.pushVulnerable('team/medium', 'v1', MEDIUM);
    s.cloud.inspector.setUse('team/medium', medium.digest, { inUseCount: 3 });
    await s.pushVulnerable('sandbox/x', 'v1', CRITICAL);
    const { digest } = await s.pushVulnerable('team/untagged', 'v1', MEDIUM);
    await s.cloud.ecr.pushImage('team/untagged', { tag: 'v1', content: 'newer' });
    expect(digest).toMatch(/^sha256:/);
    s.cloud.ecr.createRepository('team/lambda', { policyText: SERVES_LAMBDA });
    await s.pushVulnerable('team/lambda', 'v1', MEDIUM);
    await s.runUntilIdle();
    expect(s.isClosed('team/closed')).toBe(true);
    s.cloud.calls.reset();
    const least = leastForLive(s.graph);
    const asked = ['simulate', '--policy', fileOf(JSON.stringify(EXCEPTED)), '--against', 'stack', '--json'];
    const { code, stdout, stderr } = await pullgate(
      [...asked, '--outputs', outputsOf(s.graph)],
      asOperator(s.cloud, least),
    );
    expect([code, stderr]).toEqual([1, '']);
    expect(shown(stdout)).toEqual([
      ['team/medium', 'closes', ['CVE-2026-1002'], []],
      ['team/closed', 'opens', [], [UNTIL]],
      ['team/lambda', 'staysOpen', ['CVE-2026-1002'], [], 'inUse'],
    ]);
    expect(usesIn(stdout)).toEqual([
      ['team/medium', { images: 1, inUse: 1, workloads: 3, unknown: 0 }],
      ['team/closed', undefined],
      ['team/lambda', { images: 1, inUse: 0, workloads: 0, unknown: 1 }],
    ]);
    const calls = Object.keys(s.cloud.calls.count(OPERATOR));
    expect(calls.filter((call) => !actionsOf(least).includes(call))).toEqual([]);
    expect(s.isClosed('team/closed')).toBe(true);
  });

  test("Azure: a gate is an image, as in the stack's config", async () => {
    const s = await azure.stage({ severityThreshold: 'high' });
    const closed = await s.close('v1');
    const medium = s.push('v2');
    await s.report(medium, { cves: [{ id: 'CVE-2026-1002', severity: 'Medium', score: 5 }] });
    await s.runUntilIdle();
    const before = await s.world();
    const { records, registry, images, findings } = leastToObserveOnAzure(s.graph);
    const environment = asAzureOperator(s.cloud, [records, registry, images, findings]);
    const asked = ['simulate', '--azure', '--policy', fileOf(JSON.stringify(EXCEPTED)), '--against', 'stack', '--json'];
    const { code, stdout, stderr } = await pullgate([...asked, '--outputs', outputsOf(s.graph)], environment);
    expect(code).toBe(1);
    // The command uses the real clock instead of the local cloud's, so all rows are old and a note says so.
    expect(stderr).toMatch(
      /^pullgate: note: findings may be missing: no recommendation has reached the workspace .+\n$/,
    );
    expect(shown(stdout)).toEqual([
      [`team/app@${medium.digest}`, 'closes', ['CVE-2026-1002'], []],
      [`team/app@${closed.digest}`, 'opens', [], [UNTIL]],
    ]);
    expect(await s.world()).toEqual(before);
    const onAws = await pullgate(['simulate', '--aws', '--outputs', outputsOf(s.graph)], environment);
    expect(onAws).toEqual({ code: 2, stdout: '', stderr: 'pullgate: --aws: the stack dev is not deployed to AWS\n' });
  });
});
