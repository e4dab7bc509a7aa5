// The state of a stack, by the real command against both local clouds: gates, the sweep, dead letters, and what only a look sees.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { unusedExceptions } from '../../../cli/check/live.ts';
import { sidesOf } from '../../../cli/stack/sides.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { type Status, statusOf } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import type { Graph } from '../../../local/graph.ts';
import { graphOf } from '../../../local/graph.ts';
import { CRITICAL, programConfig, stage } from '../../e2e/aws/stage.ts';
import { stage as azureStage, REPOSITORY } from '../../e2e/azure/stage.ts';
import { exception } from '../../shared/samples.ts';
import { asOperator, OPERATOR, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { azureSideHere, leastForLooks, leastForStatus, leastToLookOnAzure } from '../command-looks.ts';

afterEach(() => void vi.unstubAllEnvs());

/** The command's own core in this process, by the clock of the local cloud. */
async function statusHere(
  graph: Graph,
  environment: Record<string, string>,
  now: () => string,
  isLooking: boolean,
): Promise<Status> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const stack = await findStack({ outputs: outputsOf(graph) });
  return statusOf({ stack: stack.name, sides: await sidesOf(stack, now), now, isLooking });
}

describe('status, on AWS', () => {
  test('shows what is closed and what waits, and what needs a person; with --look what no record says', async () => {
    const config = { maxClosesPerHour: 1 };
    const s = await stage(config);
    const graph = await graphOf(programConfig(config));
    const now = () => s.cloud.clock.now().toISOString();
    const least = leastForStatus(graph);
    const environment = asOperator(s.cloud, least);
    await s.pushVulnerable('team/alone', 'v1', CRITICAL);
    await s.settle();
    await s.pushVulnerable('team/braked', 'v1', CRITICAL);
    await s.settle();
    s.cloud.calls.reset();

    const well = await statusHere(graph, environment, now, false);
    expect(well.concerns).toEqual([]);
    expect(well.sides).toMatchObject([
      {
        cloud: 'aws',
        mode: 'enforce',
        pause: undefined,
        sweep: { gates: 0 },
        deadLetters: 0,
        brake: { maxClosesPerHour: 1, closedThisHour: 1, left: 0 },
        gates: [
          {
            gate: { repository: 'team/alone' },
            state: { kind: 'closed' },
            images: 1,
            worst: { vulnerability: 'CVE-2026-1001' },
          },
          { gate: { repository: 'team/braked' }, state: { kind: 'waiting', for: 'brake' } },
        ],
      },
    ]);
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual([
      'dynamodb:GetItem',
      'dynamodb:Scan',
      'sqs:GetQueueAttributes',
    ]);

    s.cloud.deadLetters.send('{"pullgate":"reconcile","repository":"team/lost"}');
    const odd = await s.pushVulnerable('team/odd', 'v1', {
      vulnerability: 'CVE-2026-5005',
      severity: 'UNTRIAGED',
      packages: [{ name: 'expat', version: '2.6.0' }],
    });
    s.cloud.ecr.createRepository('team/foreign', {
      policyText:
        '{"Version":"2012-10-17","Statement":[{"Sid":"Frozen","Effect":"Deny","Principal":"*","Action":"ecr:Batch*"}]}',
    });
    s.cloud.ecr.createRepository('team/sealed', {
      policyText: '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"ecr:*"}]}',
    });
    await s.pushVulnerable('team/sealed', 'v1', CRITICAL);
    const unseen = await s.pushVulnerable('team/foreign', 'v1', CRITICAL);
    const looked = await statusHere(graph, asOperator(s.cloud, leastForLooks(graph)), now, true);
    expect(looked.sides[0]?.look).toEqual({
      undetermined: [
        {
          registry: '123456789012',
          repository: 'team/odd',
          digest: odd.digest,
          tags: ['v1'],
          vulnerabilities: ['CVE-2026-5005'],
        },
      ],
      missed: [
        {
          registry: '123456789012',
          repository: 'team/foreign',
          digest: unseen.digest,
          tags: ['v1'],
          vulnerabilities: ['CVE-2026-1001'],
        },
      ],
      closedByOthers: [
        {
          repository: 'team/foreign',
          obstacles: [{ by: 'others', for: 'everyone', what: 'the statement "Frozen" of its policy' }],
        },
        {
          repository: 'team/sealed',
          obstacles: [{ by: 'others', for: 'some', what: expect.stringContaining('denies even a look') }],
        },
      ],
      blindness: undefined,
      unsure: ['team/sealed: the policy of the repository denies even a look at it to whoever runs this command'],
    });
    const lines = statusLines(looked).join('\n');
    expect(lines).toMatch(
      /^The stack dev at 2026-03-02 09:\d\d UTC[.]\n\nNeeds a person:\n {2}- AWS: 1 in the dead-letter queue: what is in there was not done\n\nAWS: it closes what the policy names\n {2}Last sweep {4}2026-03-02 09:00 UTC, /,
    );
    expect(lines).toContain(
      '\n  Closed by pullgate: 1\n    team/alone  closed since 2026-03-02 09:00 UTC  1 image, worst: CVE-2026-1001 in openssl\n',
    );
    expect(lines).toMatch(
      /\n {2}Not closed, though the policy names them: 1\n {4}team\/braked {2}since 2026-03-02 09:\d\d UTC {2}open, waiting: the brake \(maxClosesPerHour\) is used up/,
    );
    expect(lines).toContain(
      `\n  Undetermined, nobody knows the severity of: 1\n    team/odd@${odd.digest}  v1  CVE-2026-5005\n`,
    );
    expect(lines).toContain(
      '\n  Closed by somebody else, as a look shows:\n    team/foreign  the statement "Frozen" of its policy',
    );
    const writes = Object.keys(s.cloud.calls.count(OPERATOR)).filter((call) =>
      /:(Put|Set|Delete|Update|Publish|Send)/.test(call),
    );
    expect(writes).toEqual([]);

    s.cloud.deadLetters.purge();
    const denied = asOperator(s.cloud, {
      ...least,
      Statement: (least.Statement as readonly { Action: unknown }[]).slice(0, 1),
    });
    expect((await statusHere(graph, denied, now, false)).concerns).toEqual([
      expect.stringMatching(
        /^AWS: the dead-letter queue could not be counted: .*not authorized to perform: sqs:GetQueueAttributes/,
      ),
    ]);
  });
});

describe('status, on Azure and on both clouds', () => {
  test('tells what pullgate closed from what others locked, counts the poison queue, and looks', async () => {
    const s = await azureStage({ clouds: ['aws', 'azure'] });
    const now = () => s.cloud.clock.now().toISOString();
    const ours = await s.close('v1');
    const foreign = s.push('v2');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
    await s.report(foreign);
    await s.settle();
    await s.tick();
    const { records, queue, ...rest } = leastToLookOnAzure(s.graph);
    const before = await s.world();

    const without = await statusOf({
      stack: 'dev',
      sides: [await azureSideHere(s, now, [records])],
      now,
      isLooking: false,
    });
    expect(without.concerns).toEqual([
      expect.stringMatching(
        /^Azure: the poison queue could not be counted: \w+[.]queue[.]core[.]windows[.]net answers 403: whoever runs this command needs Storage Queue Data Reader on the poison queue of the stack; a new assignment takes some minutes to count$/,
      ),
    ]);

    const well = await statusOf({
      stack: 'dev',
      sides: [await azureSideHere(s, now, [records, queue])],
      now,
      isLooking: false,
    });
    expect(well.concerns).toEqual([]);
    const lines = statusLines(well).join('\n');
    expect(lines).toContain('\nNothing needs a person.\n\nAzure: it closes what the policy names\n');
    expect(lines).toContain(
      `\n  Closed by pullgate: 1\n    team/app@${ours.digest}  closed since 2026-03-02 09:00 UTC  1 image, worst: CVE-2026-1001 in openssl\n`,
    );
    expect(lines).toMatch(
      new RegExp(
        `\n {2}Closed by somebody else: 1\n {4}team/app@${foreign.digest} {2}since 2026-03-02 09:0\\d UTC {2}locked, waiting: somebody else has locked it`,
      ),
    );

    // The command itself shows both sides at once. It runs by the real clock: to it the sweeps are months old.
    s.cloud.poisonQueue.send(Buffer.from('{}').toString('base64'));
    const other = await stage();
    await other.pushVulnerable('team/alone', 'v1', CRITICAL);
    await other.settle();
    const both = { ...asOperator(other.cloud, leastForStatus(s.graph)), ...asAzureOperator(s.cloud, [records, queue]) };
    const { code, stdout, stderr } = await pullgate(['status', '--json', '--outputs', outputsOf(s.graph)], both);
    expect([code, stderr]).toEqual([1, '']);
    const closed = { kind: 'closed' };
    const locked = { kind: 'waiting', for: 'lockedByOthers' };
    expect(JSON.parse(stdout)).toMatchObject({
      stack: 'dev',
      sides: [
        { cloud: 'aws', deadLetters: 0, gates: [{ gate: { repository: 'team/alone' }, state: closed }] },
        {
          cloud: 'azure',
          deadLetters: 1,
          gates: [
            { gate: { digest: ours.digest }, state: closed },
            { gate: { digest: foreign.digest }, state: locked },
          ].toSorted((a, b) => (a.gate.digest < b.gate.digest ? -1 : 1)),
        },
      ],
      concerns: [
        expect.stringMatching(/^AWS: the last sweep is \d+ hours old \(sweepHours is 6\): is the function running[?]$/),
        expect.stringMatching(/^Azure: the last sweep is \d+ hours old/),
        'Azure: 1 in the poison queue: what is in there was not done',
      ],
    });

    const odd = s.push('v3');
    await s.report(odd, { severity: 'Weird', cves: [{ id: 'CVE-2026-5005' }] });
    const grants = [records, queue, ...Object.values(rest)];
    const looked = await statusOf({ stack: 'dev', sides: [await azureSideHere(s, now, grants)], now, isLooking: true });
    expect(looked.sides[0]?.look).toMatchObject({
      undetermined: [{ digest: odd.digest, vulnerabilities: ['CVE-2026-5005'] }],
      missed: [],
      blindness: undefined,
    });
    // What `check --live` finds by the same looks.
    const exceptions = ['CVE-2026-1001', 'CVE-2026-1004'].map((id) =>
      exception({ id, expiresAt: '2030-01-01T00:00:00.000Z' }),
    );
    const side = await azureSideHere(s, now, grants);
    expect(await unusedExceptions([side], { ...side.settings.policy, exceptions }, now)).toMatchObject({
      images: 3,
      warnings: [{ kind: 'unused', key: 'policy.exceptions[1]' }],
      unsure: [],
    });
    expect(await s.world()).toEqual({ ...before, poison: [{}] });
  });
});
