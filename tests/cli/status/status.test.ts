// Tests the real `status` against both local clouds: gates, the sweep, dead letters, and what only --live shows.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { findUnused } from '../../../cli/check/live.ts';
import { connect } from '../../../cli/stack/clients.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { readStatus, type Status } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import type { Graph } from '../../../local/graph.ts';
import { graphOf } from '../../../local/graph.ts';
import { CRITICAL, programConfig, stage } from '../../e2e/aws/stage.ts';
import { stage as azureStage, REPOSITORY } from '../../e2e/azure/stage.ts';
import { exception } from '../../shared/samples.ts';
import { asOperator, OPERATOR, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { azureClientHere, leastForLive, leastForStatus, leastToObserveOnAzure } from '../command-observing.ts';

afterEach(() => void vi.unstubAllEnvs());

/** Runs the core of the command in this process, with the clock of the local cloud. */
async function statusHere(
  graph: Graph,
  environment: Record<string, string>,
  now: () => string,
  isLive: boolean,
): Promise<Status> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const stack = await findStack({ outputs: outputsOf(graph) });
  return readStatus({ stack: stack.name, clients: await connect(stack, now), now, isLive });
}

describe('status, on AWS', () => {
  test('shows closed and waiting gates and required actions, and with --live what is not on record', async () => {
    const config = { maxClosesPerHour: 1 };
    const s = await stage(config);
    const graph = await graphOf(programConfig(config));
    const now = () => s.cloud.clock.now().toISOString();
    const least = leastForStatus(graph);
    const environment = asOperator(s.cloud, least);
    await s.pushVulnerable('team/alone', 'v1', CRITICAL);
    await s.runUntilIdle();
    await s.pushVulnerable('team/braked', 'v1', CRITICAL);
    await s.runUntilIdle();
    s.cloud.calls.reset();

    const well = await statusHere(graph, environment, now, false);
    expect(well.concerns).toEqual([]);
    expect(well.clouds).toMatchObject([
      {
        cloud: 'aws',
        mode: 'enforce',
        pause: undefined,
        sweep: { gates: 0 },
        deadLetters: 0,
        brake: {
          maxClosesPerHour: 1,
          maxClosesPerDay: 4,
          closedThisHour: 1,
          closedThisDay: 1,
          leftThisDay: 3,
          left: 0,
        },
        gates: [
          {
            gate: { repository: 'team/alone' },
            state: { kind: 'closed' },
            blockers: 1,
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
    const uncovered = { statusCode: 'INACTIVE', reason: 'UNSUPPORTED_OS' };
    s.cloud.inspector.cover({ repository: 'team/odd', digest: `sha256:${'0'.repeat(64)}`, ...uncovered });
    const other = '{"Sid":"Pullgate4e5f6a7b8c9d","Effect":"Deny","Principal":"*","Action":"ecr:BatchGetImage"}';
    s.cloud.ecr.repository('team/braked').policyText = `{"Version":"2012-10-17","Statement":[${other}]}`;
    const observed = await statusHere(graph, asOperator(s.cloud, leastForLive(graph)), now, true);
    expect(observed.clouds[0]?.live).toEqual({
      judgedImages: 4,
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
          repository: 'team/braked',
          obstacles: [
            {
              by: 'anotherStack',
              for: 'everyone',
              what: 'statement "Pullgate4e5f6a7b8c9d" in the repository policy',
            },
          ],
        },
        {
          repository: 'team/foreign',
          obstacles: [{ by: 'others', for: 'everyone', what: 'statement "Frozen" in the repository policy' }],
        },
        {
          repository: 'team/sealed',
          obstacles: [{ by: 'others', for: 'some', what: expect.stringContaining('denies you permission to read it') }],
        },
      ],
      scannerProblem: undefined,
      unscanned: { images: 1, byReason: { UNSUPPORTED_OS: 1 }, repositories: ['team/odd'], moreRepositories: 0 },
      withoutRow: [],
      unsure: ['team/sealed: the repository policy denies you permission to read it'],
    });
    const lines = statusLines(observed).join('\n');
    expect(lines).toContain(
      '\n  Closed by someone else, as observed now:\n    team/braked  still refused by statement "Pullgate4e5f6a7b8c9d" in the repository policy, which another pullgate deployment wrote\n',
    );
    expect(lines).toMatch(
      /^Status of the stack dev at 2026-03-02 09:\d\d UTC\n\nAction required:\n {2}- AWS: the dead-letter queue has 1 message that pullgate could not process\n\nAWS: mode enforce \(policy violations close gates\)\n {2}Last sweep {4}2026-03-02 09:00 UTC, /,
    );
    expect(lines).toContain('\n  Images that no scan judges: 1 (1 UNSUPPORTED_OS)\n    in team/odd\n');
    expect(lines).toContain(
      '\n  Closed by pullgate: 1\n    team/alone  closed since 2026-03-02 09:00 UTC  1 blocker, worst: CVE-2026-1001 in openssl\n',
    );
    expect(lines).toMatch(
      /\n {2}Not closed although they violate the policy: 1\n {4}team\/braked {2}since 2026-03-02 09:\d\d UTC {2}open, waiting: the limit on closings \(maxClosesPerHour or maxClosesPerDay\) is reached/,
    );
    expect(lines).toContain(
      `\n  Undetermined, because the severity is unknown: 1\n    team/odd@${odd.digest}  v1  CVE-2026-5005\n`,
    );
    expect(lines).toContain('\n    team/foreign  statement "Frozen" in the repository policy');
    expect(lines).toContain('\n  Evidence:\n    undetermined: 1 of 4 images, because a severity is unknown\n');
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
        /^AWS: the messages in the dead-letter queue could not be counted: .*not authorized to perform: sqs:GetQueueAttributes/,
      ),
    ]);
  });
});

describe('status, on Azure and on both clouds', () => {
  test('distinguishes gates that pullgate closed from foreign locks, counts the poison queue, and observes with --live', async () => {
    const s = await azureStage({ clouds: ['aws', 'azure'] });
    const now = () => s.cloud.clock.now().toISOString();
    const ours = await s.close('v1');
    const foreign = s.push('v2');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
    await s.report(foreign);
    await s.runUntilIdle();
    await s.tick();
    const { records, queue, ...rest } = leastToObserveOnAzure(s.graph);
    const before = await s.world();

    const without = await readStatus({
      stack: 'dev',
      clients: [await azureClientHere(s, now, [records])],
      now,
      isLive: false,
    });
    expect(without.concerns).toEqual([
      expect.stringMatching(
        /^Azure: the messages in the poison queue could not be counted: \w+[.]queue[.]core[.]windows[.]net returned 403: you need Storage Queue Data Reader on the poison queue of the stack; a new role assignment takes a few minutes to take effect$/,
      ),
    ]);

    const well = await readStatus({
      stack: 'dev',
      clients: [await azureClientHere(s, now, [records, queue])],
      now,
      isLive: false,
    });
    expect(well.concerns).toEqual([]);
    const lines = statusLines(well).join('\n');
    expect(lines).toContain('\nNo action required.\n\nAzure: mode enforce (policy violations close gates)\n');
    expect(lines).toContain(
      `\n  Closed by pullgate: 1\n    team/app@${ours.digest}  closed since 2026-03-02 09:01 UTC  1 blocker, worst: CVE-2026-1001 in openssl\n`,
    );
    expect(lines).toMatch(
      new RegExp(
        `\n {2}Closed by someone else: 1\n {4}team/app@${foreign.digest} {2}since 2026-03-02 09:0\\d UTC {2}locked, waiting: someone else locked it`,
      ),
    );

    // The real command shows both clouds. It uses the real clock, so the sweeps are months old.
    s.cloud.poisonQueue.send(Buffer.from('{}').toString('base64'));
    const other = await stage();
    await other.pushVulnerable('team/alone', 'v1', CRITICAL);
    await other.runUntilIdle();
    const both = { ...asOperator(other.cloud, leastForStatus(s.graph)), ...asAzureOperator(s.cloud, [records, queue]) };
    const { code, stdout, stderr } = await pullgate(['status', '--json', '--outputs', outputsOf(s.graph)], both);
    expect([code, stderr]).toEqual([1, '']);
    const closed = { kind: 'closed' };
    const locked = { kind: 'waiting', for: 'foreignLock' };
    expect(JSON.parse(stdout)).toMatchObject({
      stack: 'dev',
      clouds: [
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
        expect.stringMatching(
          /^AWS: the last sweep ran [\d,]+ hours ago \(sweepHours is 6\): check that the function is running$/,
        ),
        expect.stringMatching(/^Azure: the last sweep ran [\d,]+ hours ago/),
        'Azure: the poison queue has 1 message that pullgate could not process',
      ],
    });

    const odd = s.push('v3');
    await s.report(odd, { severity: 'Weird', cves: [{ id: 'CVE-2026-5005' }] });
    const grants = [records, queue, ...Object.values(rest)];
    const observed = await readStatus({
      stack: 'dev',
      clients: [await azureClientHere(s, now, grants)],
      now,
      isLive: true,
    });
    expect(observed.clouds[0]?.live).toMatchObject({
      undetermined: [{ digest: odd.digest, vulnerabilities: ['CVE-2026-5005'] }],
      missed: [],
      scannerProblem: undefined,
    });
    // `check --live` uses the same observations.
    const exceptions = ['CVE-2026-1001', 'CVE-2026-1004'].map((id) =>
      exception({ id, expiresAt: '2030-01-01T00:00:00.000Z' }),
    );
    const client = await azureClientHere(s, now, grants);
    const policies = { policy: { ...client.settings.policy, exceptions }, rules: [] };
    expect(await findUnused([client], policies, now)).toMatchObject({
      images: 3,
      warnings: [{ kind: 'unused', key: 'policy.exceptions[1]' }],
      unsure: [],
    });
    expect(await s.world()).toEqual({ ...before, poison: [{}] });

    // A closed image stays closed when its tag goes, and is counted from the next sweep on.
    s.registry.untag(REPOSITORY, 'v1');
    await s.sweep();
    const untagged = await readStatus({ stack: 'dev', clients: [client], now, isLive: false });
    expect([observed.clouds[0]?.untaggedImages, untagged.clouds[0]?.untaggedImages]).toEqual([0, 1]);
  });
});
