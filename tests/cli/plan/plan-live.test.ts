// Tests `pullgate plan` against the local clouds: it observes with the functions' adapters and read-only permissions,
// and a saved snapshot gives the same plan without any permission.
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CRITICAL, HOUR, type Stage, stage } from '../../e2e/aws/stage.ts';
import * as azure from '../../e2e/azure/stage.ts';
import { actionsOf, asOperator, FOLDER, fileOf, OPERATOR, outputsOf, pullgate, without } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastForPlan, leastToObserveOnAzure } from '../command-observing.ts';

const MEDIUM = { ...CRITICAL, vulnerability: 'CVE-2026-1002', severity: 'MEDIUM' };
const SERVES_LAMBDA = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'ecr:BatchGetImage' }],
});

const REVIEWED = { id: 'CVE-2026-1001', expires: '2099-12-31', reason: 'reviewed' };

interface Answer {
  readonly at: string;
  readonly totals: Readonly<Record<string, unknown>>;
  readonly targets: readonly {
    readonly differences: readonly { readonly key: string }[];
    readonly limits: Readonly<Record<string, number>>;
    readonly gates: readonly {
      readonly repository: string;
      readonly digest?: string;
      readonly change: string;
      readonly reason: string;
    }[];
  }[];
  readonly notes: readonly string[];
}

/** The config as `pulumi config --json` prints it. */
function configOf(keys: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(keys).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const isObject = typeof value === 'object';
    return [key, { value: text, ...(isObject ? { objectValue: value } : {}), secret: false }];
  });
  return fileOf(JSON.stringify(Object.fromEntries(entries)));
}

const fileFor = (name: string) => join(mkdtempSync(join(FOLDER, 'plan-')), name);
const changesIn = ({ targets }: Answer) =>
  targets.flatMap(({ gates }) => gates.map(({ repository, change, reason }) => [repository, change, reason]));

/** Runs a plan for this config, and checks that it used only the permissions that it needs. */
async function planOn(s: Stage, config: string, ...words: readonly string[]) {
  const least = leastForPlan(s.graph);
  s.cloud.calls.reset();
  const ran = await pullgate(
    ['plan', '--config', config, '--outputs', outputsOf(s.graph), ...words],
    asOperator(s.cloud, least),
  );
  const calls = Object.keys(s.cloud.calls.count(OPERATOR));
  expect(calls.filter((call) => !actionsOf(least).includes(call))).toEqual([]);
  return ran;
}

/** Saves a snapshot. */
async function saveOn(s: Stage): Promise<string> {
  const file = fileFor('snapshot.json');
  const args = ['plan', '--save', file, '--outputs', outputsOf(s.graph)];
  const { code, stdout, stderr } = await pullgate(args, asOperator(s.cloud, leastForPlan(s.graph)));
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Saved a snapshot of the stack dev with \d+ repositories to .+snapshot.json[.]\n$/);
  return file;
}

describe('plan, on AWS', () => {
  test('shows what a stricter policy closes, opens and keeps waiting, live and from a snapshot', async () => {
    const s = await stage({
      severityThreshold: 'high',
      policy: { exceptions: [{ id: 'CVE-2026-3003', expires: '2099-12-31', reason: 'a reason of ours' }] },
      aws: { repositories: { exclude: ['sandbox/**'] } },
    });
    await s.pushVulnerable('team/closed', 'v1', CRITICAL);
    await s.pushVulnerable('team/medium', 'v1', MEDIUM, { ...MEDIUM, vulnerability: 'CVE-2026-1003' });
    await s.pushVulnerable('team/both', 'v1', CRITICAL, MEDIUM);
    await s.pushVulnerable('sandbox/x', 'v1', CRITICAL);
    s.cloud.ecr.createRepository('team/lambda', { policyText: SERVES_LAMBDA });
    await s.pushVulnerable('team/lambda', 'v1', MEDIUM);
    await s.pushVulnerable('team/clean', 'v1', { ...MEDIUM, vulnerability: 'CVE-2026-1009', severity: 'LOW' });
    await s.runUntilIdle();
    const config = configOf({
      'aws:region': 'eu-west-1',
      'pullgate:mode': 'enforce',
      'pullgate:severityThreshold': 'medium',
      'pullgate:maxClosesPerHour': 1,
      'pullgate:policy': { exceptions: [REVIEWED] },
    });
    const { code, stdout, stderr } = await planOn(s, config, '--json');
    expect([code, stderr]).toEqual([1, '']);
    const live = JSON.parse(stdout) as Answer;
    expect(changesIn(live)).toEqual([
      ['team/medium', 'closes', 'CVE-2026-1002 (medium) in openssl and 1 more finding'],
      ['team/closed', 'opens', 'CVE-2026-1001 (critical) in openssl no longer violates'],
      [
        'team/lambda',
        'waits',
        'in use by Lambda functions (aws.closeLambdaRepositories): CVE-2026-1002 (medium) in openssl',
      ],
      ['sandbox/x', 'mode', 'left out -> enforce'],
    ]);
    expect(live.totals).toMatchObject({ closes: 1, opens: 1, waits: 1, mode: 1, unchanged: 2, pending: 0 });
    expect(live.targets[0]?.limits).toEqual({ maxClosesPerHour: 1, maxClosesPerDay: 4, gates: 1, hours: 1 });
    expect(live.targets[0]?.differences.map(({ key }) => key)).toEqual([
      'severityThreshold',
      'policy.unfixable',
      'policy.exceptions',
      'maxClosesPerHour',
      'maxClosesPerDay',
      'aws.repositories.exclude',
    ]);
    expect(s.isClosed('team/closed')).toBe(true);
    expect(s.isClosed('team/medium')).toBe(false);

    const file = await saveOn(s);
    const text = readFileSync(file, 'utf8');
    expect(text).not.toMatch(/arn:aws:(?!inspector2)|amazonaws[.]com/);
    const saved = await pullgate(['plan', file, '--config', config, '--json']);
    const ofStack = 'the snapshot is of the stack dev';
    expect([saved.code, saved.stderr]).toEqual([1, `pullgate: note: ${ofStack}\n`]);
    expect({ ...JSON.parse(saved.stdout), at: live.at }).toEqual({ ...live, notes: [ofStack] });
    expect((await pullgate(['plan', file, '--config', config, '--max-closes', '1'])).code).toBe(0);
    const lines = (await pullgate(['plan', file, '--config', config])).stdout.split('\n');
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines.slice(lines.indexOf('  severityThreshold: high -> medium'))).toEqual([
      '  severityThreshold: high -> medium',
      '  policy.unfixable: high -> medium',
      '  policy.exceptions changes',
      '  maxClosesPerHour: 25 -> 1',
      '  maxClosesPerDay: 100 -> 4',
      '  aws.repositories.exclude: ["sandbox/**"] -> []',
      '',
      '  closes  team/medium  CVE-2026-1002 (medium) in openssl and 1 more finding  use unknown',
      '  opens   team/closed  CVE-2026-1001 (critical) in openssl no longer violates',
      '  waits   team/lambda',
      '            in use by Lambda functions (aws.closeLambdaRepositories): CVE-2026-1002 (medium) in',
      '            openssl  use unknown',
      '  mode    sandbox/x  left out -> enforce',
      '',
      '1 gate would close (use of 1 unknown).',
      '1 would open, 1 would wait, 1 would only change its mode, 2 are unchanged.',
      'On AWS the limits let 1 close an hour and 4 a day: 1 gate takes 1 hour.',
      '',
    ]);

    const unable = asOperator(s.cloud, without(leastForPlan(s.graph), 'ecr:GetRepositoryPolicy'));
    const blind = await pullgate(['plan', '--config', config, '--outputs', outputsOf(s.graph)], unable);
    expect([blind.code, blind.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^pullgate: note: AWS: locks that could not be read count as open and unused: 123456789012\/\S+ and 5 more gates \(AccessDenied.+\)\n$/,
      ),
    ]);

    // What was planned is what happens, once the earlier closings no longer count.
    s.cloud.clock.advance(2 * HOUR);
    await s.redeploy({ severityThreshold: 'medium', maxClosesPerHour: 1, policy: { exceptions: [REVIEWED] } });
    const closed = ['team/medium', 'team/closed', 'team/both', 'team/lambda', 'team/clean', 'sandbox/x'];
    expect(closed.filter((name) => s.isClosed(name))).toEqual(['team/medium', 'team/both']);

    await s.pause();
    const paused = JSON.parse((await planOn(s, config, '--json')).stdout) as Answer;
    expect(paused.notes).toEqual([
      expect.stringMatching(/^AWS: paused since 2026-.+ UTC; the plan shows what happens after the pause$/),
    ]);
  });
});

describe('plan, on Azure', () => {
  test('an image is a gate: shows what closes, opens and waits, live and from a snapshot', async () => {
    const s = await azure.stage({ severityThreshold: 'high' });
    const closed = await s.close('v1');
    const medium = s.push('v2');
    const foreign = s.push('v3');
    s.registry.setAttributes(azure.REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
    for (const image of [medium, foreign]) {
      await s.report(image, { cves: [{ id: 'CVE-2026-1002', severity: 'Medium', score: 5 }] });
    }
    await s.runUntilIdle();
    const before = await s.world();
    const { records, registry, images, findings } = leastToObserveOnAzure(s.graph);
    const environment = asAzureOperator(s.cloud, [records, registry, images, findings]);
    const run = (...words: readonly string[]) => pullgate(['plan', ...words], environment);
    const outputs = ['--outputs', outputsOf(s.graph)];
    const keys = {
      'azure-native:location': 'westeurope',
      'pullgate:clouds': ['azure'],
      'pullgate:mode': 'enforce',
      'pullgate:severityThreshold': 'medium',
      'pullgate:policy': { exceptions: [REVIEWED] },
      'pullgate:azure': { registries: [azure.REGISTRY, azure.registryId('another')] },
    };
    const config = configOf(keys);
    const { code, stdout } = await run('--config', config, '--json', ...outputs);
    expect(code).toBe(1);
    const live = JSON.parse(stdout) as Answer;
    expect(
      live.targets.flatMap(({ gates }) => gates.map(({ digest, change, reason }) => [digest, change, reason])),
    ).toEqual([
      [medium.digest, 'closes', 'CVE-2026-1002 (medium, inherited) in openssl'],
      [closed.digest, 'opens', 'CVE-2026-1001 (critical, inherited) in openssl no longer violates'],
      [foreign.digest, 'waits', 'someone else locked it: CVE-2026-1002 (medium, inherited) in openssl'],
    ]);
    expect(live.notes).toEqual([
      // The command uses the real clock instead of the local cloud's, so all rows are old.
      expect.stringMatching(/^Azure: findings may be missing: no recommendation has reached the workspace /),
      'Azure: azure.registries adds another. It is not observed before it is deployed, so the plan has none of its gates',
    ]);
    expect(await s.world()).toEqual(before);

    const file = fileFor('snapshot.json');
    expect((await run('--save', file, ...outputs)).code).toBe(0);
    const saved = await pullgate(['plan', file, '--config', config, '--json']);
    const ofStack = 'the snapshot is of the stack dev';
    expect({ ...JSON.parse(saved.stdout), at: live.at }).toEqual({ ...live, notes: [ofStack, ...live.notes] });
    expect(await s.world()).toEqual(before);
    const allowed = ['--config', config, '--max-closes', '1'];
    for (const blind of [await run(...allowed, ...outputs), await pullgate(['plan', file, ...allowed])]) {
      expect([blind.code, blind.stderr]).toEqual([
        2,
        expect.stringMatching(
          /\npullgate: more gates may close than the plan shows, because .+\(Azure: no recomm.+\n$/,
        ),
      ]);
    }

    // Another granularity: the images open, and their repository closes.
    const whole = configOf({
      ...keys,
      'pullgate:severityThreshold': 'high',
      'pullgate:policy': {},
      'pullgate:azure': { registries: [azure.REGISTRY], granularity: 'repository' },
    });
    const other = JSON.parse((await pullgate(['plan', file, '--config', whole, '--json'])).stdout) as Answer;
    expect(other.targets[0]?.gates.map(({ digest, change, reason }) => [digest, change, reason])).toEqual([
      [undefined, 'closes', 'CVE-2026-1001 (critical, inherited) in openssl'],
      [closed.digest, 'opens', 'the config has no gate for it'],
    ]);
    expect(other.notes.at(-1)).toMatch(/^Azure: azure.granularity changes[.] /);

    // A cloud that the config leaves out.
    const gone = configOf({ 'pullgate:severityThreshold': 'high', 'pullgate:clouds': ['aws'] });
    const destroyed = await pullgate(['plan', file, '--config', gone, '--json']);
    expect(destroyed.code).toBe(0);
    expect((JSON.parse(destroyed.stdout) as Answer).notes).toEqual([
      ofStack,
      'AWS: pullgate:clouds adds it. It is not deployed yet, so the plan has none of its gates',
      live.notes[0],
      'Azure: pullgate:clouds leaves it out, so its component is destroyed. 1 closed gate would stay closed: run `pullgate pause --wait` first',
    ]);

    // What was planned is what happens.
    await s.redeploy({ severityThreshold: 'medium', policy: { exceptions: [REVIEWED] } });
    expect((await s.world()).locked).toEqual(['team/app:v2 readEnabled', 'team/app:v3 readEnabled']);
  });
});
