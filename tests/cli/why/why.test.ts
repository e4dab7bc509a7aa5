// Tests the real `why` against the local AWS: who closed a gate and for which findings, what exempts other findings,
// and that its advice works.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { connect } from '../../../cli/stack/clients.ts';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { whyLines } from '../../../cli/why/text.ts';
import { explainImage, type WhyAnswer } from '../../../cli/why/why.ts';
import type { Advisory } from '../../../local/aws/inspector-finding.ts';
import { graphOf } from '../../../local/graph.ts';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { CRITICAL, DAY, programConfig, type Stage, stage } from '../../e2e/aws/stage.ts';
import { actionsOf, asOperator, OPERATOR, outputsOf, pullgate } from '../command.ts';
import { leastForWhy } from '../command-observing.ts';

const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const dateIn = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

const ZLIB: Advisory = {
  vulnerability: 'CVE-2026-2002',
  severity: 'HIGH',
  packages: [{ name: 'zlib<script>', version: '1.3.0' }],
  fixAvailable: 'NO',
};
const EXCEPTED: Advisory = { ...CRITICAL, vulnerability: 'CVE-2026-3003' };
const ENDED: Advisory = {
  ...CRITICAL,
  vulnerability: 'CVE-2026-4004',
  packages: [{ name: 'openssl', version: '3.0.13', fixedInVersion: '3.0.15' }],
};
const UNTRIAGED: Advisory = {
  vulnerability: 'CVE-2026-5005',
  severity: 'UNTRIAGED',
  packages: [{ name: 'expat', version: '2.6.0' }],
};
const CONFIG = {
  policy: {
    exceptions: [
      { id: 'CVE-2026-3003', expires: dateIn(2), reason: 'not reachable', package: 'openssl' },
      { id: 'CVE-2026-4004', expires: '2026-01-31', reason: 'it was fine then' },
    ],
  },
};

afterEach(() => void vi.unstubAllEnvs());

/** Runs the core of the command in this process, with the operator's permissions. */
async function asker(s: Stage, outputs: string, environment: Record<string, string>) {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const stack = await findStack({ outputs });
  const now = () => new Date().toISOString();
  const clients = await connect(stack, now);
  s.cloud.calls.reset();
  return (name: string): Promise<WhyAnswer> =>
    explainImage({ name: parseImageName(`${HOST}/${name}`), stack: stack.name, label: stack.label, clients, now });
}

describe('why, on AWS', () => {
  test('explains who closed a repository, for which findings of which images, and what opens it, and only reads', async () => {
    const s = await stage(CONFIG);
    const bad = await s.pushVulnerable('team/app', '1.4', CRITICAL, EXCEPTED, ENDED);
    const other = await s.pushVulnerable('team/app', '1.3', ZLIB);
    const clean = await s.pushVulnerable('team/app', '1.5');
    await s.runUntilIdle();
    expect(s.isClosed('team/app')).toBe(true);
    s.cloud.inspector.setUse('team/app', other.digest, { inUseCount: 2 });
    const graph = await graphOf(programConfig(CONFIG));
    const least = leastForWhy(graph);
    const outputs = outputsOf(graph);
    const environment = asOperator(s.cloud, least);
    s.cloud.calls.reset();

    const { code, stdout, stderr } = await pullgate(['why', `${HOST}/team/app:1.4`, '--outputs', outputs], environment);
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toContain(
      `${HOST}/team/app:1.4\n  ${bad.digest} (1.4)\n\nREFUSED: pullgate (stack dev) has kept it closed since 2026-03-02 09:00 UTC: statement "Pullgate`,
    );
    expect(stdout).toMatch(
      /This image violates the policy with 2 findings[.]\n {2}Findings that violate:\n {4}SEVERITY {2}ADVISORY {7}PACKAGE {2}INSTALLED {2}FIXED IN {2}RULE {15}LINK\n {4}critical {2}CVE-2026-1001 {2}openssl {2}3[.]0[.]13 {5}3[.]0[.]14 {4}severityThreshold {2}https:/,
    );
    expect(stdout).toMatch(
      / {2}CVE-2026-3003 in openssl is exempted by an exception until \d{4}-\d\d-\d\d 00:00 UTC \(in 2 days\): not reachable[.] Then the gate closes[.]\n/,
    );
    expect(stdout).toContain(
      '  The exception for CVE-2026-4004 expired at 2026-02-01 00:00 UTC and no longer exempts CVE-2026-4004.\n',
    );
    expect(stdout).toContain(
      `\nAnother blocker of the same repository, ${other.digest} (1.3) violates the policy with 1 finding.\n  In use by 2 ECS tasks or EKS pods.\n`,
    );
    expect(stdout).toContain('       openssl       3.0.13  ->  3.0.15 or newer\n');
    expect(stdout).toContain(
      '       zlib<script>  1.3.0   ->  no fixed version is known for CVE-2026-2002: remove the package, or add an exception\n',
    );
    const pasted = stdout.split('\n').filter((line) => line.trim().startsWith('- {'));

    // The suggested exceptions are YAML, together or one line at a time. The core accepts them, they change the verdict
    // to allow, and they open the gate of the deployed stack.
    const below = (...lines: readonly string[]) => parseYaml(`exceptions:\n${lines.join('\n')}\n`).exceptions;
    const added: { readonly id: string }[] = below(...pasted);
    expect(pasted.flatMap((line) => below(line))).toEqual(added);
    expect(added).toEqual([
      {
        id: 'CVE-2026-1001',
        repository: 'team/app',
        package: 'openssl',
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        reason: expect.stringContaining('TO DO'),
        approvedBy: expect.stringContaining('TO DO'),
      },
      {
        id: 'CVE-2026-4004',
        repository: 'team/app',
        package: 'openssl',
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        reason: expect.stringContaining('TO DO'),
        approvedBy: expect.stringContaining('TO DO'),
      },
      {
        id: 'CVE-2026-2002',
        repository: 'team/app',
        package: 'zlib<script>',
        expires: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        reason: expect.stringContaining('TO DO'),
        approvedBy: expect.stringContaining('TO DO'),
        untilFixed: true,
      },
    ]);
    const exceptions = [...CONFIG.policy.exceptions, ...added];
    const parsed = parsePolicy(undefined, { exceptions });
    if (!parsed.ok) throw new Error('the exceptions must be valid');

    const why = await asker(s, outputs, environment);
    const closed = await why('team/app:1.4');
    const findings = closed.images.flatMap(({ violating }) => violating.map(({ finding }) => finding));
    expect(findings).toHaveLength(3);
    const judge = judgeBy(parsed.value);
    expect(judge({ repository: 'team/app', digest: bad.digest }, findings, new Date().toISOString()).kind).toBe(
      'allow',
    );
    expect(closed).toMatchObject({
      pullable: false,
      closedBy: 'pullgate',
      since: '2026-03-02T09:00:00.000Z',
      advice: { exceptionsOpen: true },
    });

    // A good image in the same repository by its digest, and a name without a tag.
    const good = await why(`team/app@${clean.digest}`);
    expect(good.images.map(({ part, verdict }) => [part, verdict])).toEqual([
      ['asked', 'allow'],
      ['other', 'block'],
      ['other', 'block'],
    ]);
    await expect(why('team/app')).rejects.toThrow(
      'team/app: no such image in 123456789012.dkr.ecr.eu-west-1.amazonaws.com (a name without a tag means the tag latest)',
    );
    await expect(why('team/none:1')).rejects.toThrow('no such repository');
    // If the scanner no longer shows a finding, its image stays a blocker until there is proof that it is fixed.
    await s.cloud.inspector.closeAllOf('team/app', other.digest);
    const gone = await why('team/app:1.3');
    expect(gone.images[0]).toMatchObject({
      part: 'asked',
      verdict: 'allow',
      holds: { kind: 'unproven' },
      violating: [],
      remembered: [{ vulnerability: 'CVE-2026-2002' }],
    });
    expect(gone.advice).toMatchObject({ exceptions: added, exceptionsOpen: true });
    expect(whyLines(gone, new Date().toISOString()).join('\n')).toMatch(
      /This image is still a blocker, because proof is missing: .*[.]\n {2}Findings that the scanner no longer shows, without proof that they are gone:\n {4}SEVERITY .*\n {4}high {6}CVE-2026-2002 {2}zlib<script> {2}1[.]3[.]0 {6}no fix yet/,
    );

    // A closed repository does not let the operator read which images an index contains. The record contains them.
    const child = await s.cloud.ecr.pushImage('team/app', { content: 'an image of the index' });
    s.cloud.inspector.scanned('team/app', child);
    await s.cloud.inspector.report({ repository: 'team/app', digest: child }, ZLIB);
    await s.cloud.ecr.pushIndex('team/app', { tag: 'all', children: [child] });
    await s.runUntilIdle();
    const all = await why('team/app:all');
    expect(all.images.map(({ digest, part, verdict }) => [digest === child, part, verdict])).toContainEqual([
      true,
      'other',
      'block',
    ]);
    expect(all.unsure).toContain(
      'cannot read image indexes here (ecr:BatchGetImage, which a closed repository denies)',
    );
    // The command uses every permission in the policy of docs/permissions.md, and none of them allows a write.
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual(actionsOf(least).toSorted());

    await s.redeploy({ policy: { exceptions } });
    expect(s.isClosed('team/app')).toBe(false);
  });

  test('names the rule that applies, and judges by its policy', async () => {
    const config = {
      mode: 'audit',
      rules: [{ repositories: ['shop/**'], mode: 'enforce', policy: { images: 'all' } }],
    };
    const s = await stage(config);
    await s.pushVulnerable('shop/app', '1', CRITICAL);
    await s.pushVulnerable('team/app', '1', CRITICAL);
    await s.runUntilIdle();
    const graph = await graphOf(programConfig(config));
    const why = await asker(s, outputsOf(graph), asOperator(s.cloud, leastForWhy(graph)));
    const [ofRule, ofStack] = [await why('shop/app:1'), await why('team/app:1')];
    expect(ofRule).toMatchObject({ rule: 'rules[0] (shop/**)', mode: 'enforce', advice: { untaggedHold: true } });
    expect(ofStack).toMatchObject({ rule: null, mode: 'audit', advice: { untaggedHold: false } });
    const said = '\n  The mode (enforce) and the policy are those of rules[0] (shop/**).\n';
    const now = new Date().toISOString();
    expect([ofRule, ofStack].map((one) => whyLines(one, now).join('\n').includes(said))).toEqual([true, false]);
  });

  test('names undetermined findings of an open repository, and who closed other repositories', async () => {
    const s = await stage({ mode: 'audit' });
    await s.pushVulnerable('team/odd', '1', UNTRIAGED);
    await s.pushVulnerable('team/audited', 'latest', CRITICAL);
    const index = await s.cloud.ecr.pushIndex('team/odd', {
      tag: 'all',
      children: [await s.cloud.ecr.pushImage('team/odd', { content: 'arm' })],
    });
    s.cloud.ecr.createRepository('team/foreign', {
      policyText:
        '{"Version":"2012-10-17","Statement":[{"Sid":"Frozen","Effect":"Deny","Principal":"*","Action":"ecr:Batch*"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"NotAction":"ecr:PutImage"}]}',
    });
    await s.pushVulnerable('team/foreign', '1');
    await s.runUntilIdle();
    const graph = await graphOf(programConfig({ mode: 'audit' }));
    const why = await asker(s, outputsOf(graph), asOperator(s.cloud, leastForWhy(graph)));
    const now = new Date().toISOString();

    const odd = await why('team/odd:1');
    expect(odd).toMatchObject({
      pullable: true,
      closedBy: undefined,
      images: [{ verdict: 'undetermined', violating: [] }],
      advice: { moves: [] },
    });
    expect(whyLines(odd, now).join('\n')).toContain(
      'PULLABLE: nothing refuses pulls of this image.\n\nThis image is undetermined, because the severity of a finding is unknown. This does not close a gate.\n  Findings of unknown severity:\n    SEVERITY     ADVISORY       PACKAGE  INSTALLED  FIXED IN',
    );
    expect((await why('team/odd:all')).images.map(({ digest, part }) => [digest === index, part])).toEqual(
      [
        [false, 'child'],
        [true, 'asked'],
      ].toReversed(),
    );

    const audited = await why('team/audited');
    expect(audited).toMatchObject({
      pullable: true,
      isDefaultTag: true,
      gates: [{ state: { kind: 'waiting', for: 'audit' }, blockers: 1 }],
    });
    expect(whyLines(audited, now).join('\n')).toContain(
      '  The name has no tag, so this is the image with the tag latest.\n\nPULLABLE: nothing refuses pulls of this image.\n  pullgate would close the repository team/audited, but it is open, waiting: it is in audit mode, which closes nothing.\n',
    );

    const foreign = await why('team/foreign:1');
    expect(foreign).toMatchObject({ pullable: false, closedBy: 'others', since: undefined });
    expect(whyLines(foreign, now).join('\n')).toMatch(
      /REFUSED: statement "Frozen" in the repository policy[.] pullgate did not set this and does not change it[.]\n {2}Also: For some principals, statement 2 in the repository policy[.] .*What to do next: ask its owner to remove it[.]/s,
    );

    const stranger = parseImageName('210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/app:1');
    const stack = await findStack({ outputs: outputsOf(graph) });
    const clients = await connect(stack, () => now);
    await expect(
      explainImage({ name: stranger, stack: 'dev', label: 'the stack dev', clients, now: () => now }),
    ).rejects.toThrow(
      'is in a registry that the stack dev does not cover: its registries on AWS are 123456789012.dkr.ecr.eu-west-1.amazonaws.com; give an image from one of its registries, or select another stack (--stack NAME)',
    );
    await expect(
      explainImage({
        name: parseImageName('acmeimages.azurecr.io/a:1'),
        stack: 'dev',
        label: 'the stack dev',
        clients,
        now: () => now,
      }),
    ).rejects.toThrow('it is not deployed to Azure');
  });
});
