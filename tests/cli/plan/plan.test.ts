// Tests the command `plan` on saved snapshots: the forms of its answer, its exit codes, its config, what it refuses.
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../../cli/plan/config.ts';
import { describeDifference, differences } from '../../../cli/plan/differences.ts';
import { textOf } from '../../../cli/plan/file.ts';
import { makePlan } from '../../../cli/plan/make-plan.ts';
import { markdownOf } from '../../../cli/plan/markdown.ts';
import type { Repository } from '../../../cli/plan/snapshot.ts';
import { linesOf } from '../../../cli/plan/text.ts';
import { finding, GATE, NOW, present, record } from '../../shared/samples.ts';
import { FOLDER, fileOf, pullgate } from '../command.ts';
import { awsSettings, awsTarget, HIGH, MEDIUM, repositoryWith, snapshotOf, workingConfig } from './planning.ts';

const named = (repository: string, of: Repository): Repository => ({
  ...of,
  repository,
  gates: of.gates.map((known) => ({ ...known, gate: { ...known.gate, repository } })),
});
const EVIL = 'te|am/<b>@acme`x`[a](http://evil.example)\u202e';
const STRICTER = {
  severityThreshold: 'medium',
  mode: 'enforce',
  rules: [{ repositories: ['shop/**'], mode: 'audit' }],
};
const SHOP = snapshotOf(
  awsTarget({
    notes: ['AWS: findings may be missing: <script>'],
    repositories: [
      named('team/app', {
        ...repositoryWith([MEDIUM]),
        images: [present({ findings: [MEDIUM], usage: { inUseCount: 3 } })],
      }),
      named('team/fixed', repositoryWith([HIGH], { reading: { lock: 'current' }, record: record() })),
      named(
        'shop/basket',
        repositoryWith([HIGH], {
          reading: { lock: 'current' },
          record: record({ gate: { ...GATE, repository: 'shop/basket' } }),
        }),
      ),
      named('shop/clean', repositoryWith([finding({ severity: 'low' })])),
      named(
        EVIL,
        repositoryWith([{ ...MEDIUM, vulnerability: '#12 @team', package: { name: 'x\u001b[31m', version: '1' } }]),
      ),
    ],
  }),
);
const planFor = (snapshot = SHOP) => makePlan(snapshot, workingConfig(STRICTER));

describe('the text', () => {
  it('has a line for each gate that changes, at most 100 columns wide', async () => {
    const lines = [...linesOf(await planFor(), false)];
    expect(lines.filter((line) => line.length > 100)).toEqual([]);
    expect(lines).toEqual([
      'Plan for the stack dev as of 2026-06-15 12:00 UTC',
      'With the config of the working tree, these settings differ from the deployed ones:',
      '  severityThreshold: high -> medium',
      '  policy.unfixable: high -> medium',
      '  rules: [] -> 1 entry',
      '',
      '  closes  team/app  CVE-2026-1002 (medium) in openssl  in use by 3 tasks or pods',
      '  closes  te|am/<b>@acme`x`[a](http://evil.example)\ufffd  #12 @team (medium) in x\ufffd[31m  use unknown',
      '  opens   shop/basket  audit mode closes nothing  by rules[0] (shop/**)',
      '  mode    shop/clean  enforce -> audit  by rules[0] (shop/**)',
      '',
      '2 gates would close (1 in use, by 3 tasks or pods; use of 1 unknown).',
      '1 would open, 1 would only change its mode, 1 is unchanged.',
      'On AWS the limits let 25 close an hour and 100 a day: 2 gates take 1 hour.',
    ]);
  });

  it('shows the first gates, and with --all every gate; names that are too long are broken', async () => {
    const repositories = Array.from({ length: 60 }, (_, number) =>
      named(`team/${'a'.repeat(200)}-${number}`, repositoryWith([MEDIUM])),
    );
    const plan = await planFor(snapshotOf(awsTarget({ repositories })));
    const [few, all] = [[...linesOf(plan, false)], [...linesOf(plan, true)]];
    expect(few.filter((line) => line.startsWith('  closes'))).toHaveLength(50);
    expect(few).toContain('  and 10 more (use --all)');
    expect(all.filter((line) => line.startsWith('  closes'))).toHaveLength(60);
    expect(all.filter((line) => line.length > 100)).toEqual([]);
  });

  it('shows no control character of the names of the stack and the config', async () => {
    const plan = { ...(await planFor()), stack: 'de\u001b[31mv', config: 'the config a\u202e\u0007' };
    const text = [...linesOf(plan, false)].join('\n');
    expect(text).toContain('Plan for the stack de\ufffd[31mv as of');
    expect(text).not.toMatch(/\p{Cf}|[^\P{Cc}\n]/u);
  });

  it('says that nothing differs', async () => {
    const plan = await makePlan(snapshotOf(awsTarget({ repositories: [repositoryWith([MEDIUM])] })), workingConfig());
    expect([...linesOf(plan, false)].slice(1)).toEqual([
      'With the config of the working tree, no setting that decides about gates differs.',
      '',
      '0 gates would close.',
      '0 would open, 1 is unchanged.',
    ]);
  });
});

describe('the Markdown', () => {
  it('is a summary and folded tables, and text from images is only text', async () => {
    const markdown = markdownOf(await planFor());
    await expect(markdown).toMatchFileSnapshot('markdown.golden.md');
    expect(markdown).not.toMatch(/<b>|<script>|@acme|@team|http:|\p{Cf}|[^\P{Cc}\n]/u);
  });

  it('is never longer than a comment may be, and says how many gates it leaves out', async () => {
    const worst = `te|am/${'|'.repeat(240)}`;
    const repositories = Array.from({ length: 3_000 }, (_, number) =>
      named(`${worst}${number}`, repositoryWith([MEDIUM])),
    );
    const plan = await planFor(
      snapshotOf(awsTarget({ repositories, notes: Array.from({ length: 100 }, () => worst) })),
    );
    const markdown = markdownOf(plan);
    expect(markdown.length).toBeLessThan(65_536);
    const rows = markdown.split('\n').filter((line) => line.startsWith('| closes')).length;
    expect(rows).toBeGreaterThan(10);
    expect(markdown).toContain(`\nand ${3_000 - rows} more\n`);
    expect(markdown).toMatch(/\n- and 9\d more\n/);
  });

  it('is never longer either if settings and notes need the most characters', async () => {
    const long = '\u{10ffff}'.repeat(400);
    const lines = Array.from({ length: 30 }, (_, number) => `${number}${long}`);
    const plan = await planFor(snapshotOf(awsTarget({ repositories: [repositoryWith([MEDIUM])], notes: lines })));
    const differences = lines.map((key) => ({ key, before: 'a', after: 'b' }));
    const targets = plan.targets.map((target) => ({ ...target, differences }));
    const markdown = markdownOf({ ...plan, targets, config: long, stack: long });
    expect(markdown.length).toBeLessThan(65_536);
    expect(markdown).toContain('| closes |');
    expect(markdown.match(/\n- and \d+ more/g)).toHaveLength(2);
  });
});

describe('the command', () => {
  const config = fileOf(
    JSON.stringify({
      'pullgate:severityThreshold': { value: 'medium', secret: false },
      'pullgate:mode': { value: 'enforce', secret: false },
      'pullgate:rules': { value: '[]', objectValue: STRICTER.rules, secret: false },
      'other:key': { value: 'x', secret: false },
    }),
  );
  const snapshot = fileOf(textOf(SHOP));
  const old =
    /^pullgate: note: the snapshot is of the stack dev\npullgate: note: the snapshot is [\d,]+ hours old: findings and gates may have changed, so save a new one\npullgate: note: AWS: findings may be missing: <script>\n$/;

  it.each([
    [[], 1],
    [['--max-closes', '1'], 1],
    [['--max-closes', '2'], 0],
    [['--markdown'], 1],
    [['--json', '--max-closes', '2'], 0],
    [['--aws'], 1],
  ])('with %j ends with %i', async (words, expected) => {
    const { code, stdout, stderr } = await pullgate(['plan', snapshot, '--config', config, ...words]);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(old)]);
    expect(stdout).toMatch(/2 gates would close|"closes": 2/);
  });

  describe('if a scanner cannot see its registries', () => {
    const blind = fileOf(
      textOf(snapshotOf(...SHOP.targets.map((target) => ({ ...target, scannerProblem: 'it is off' })))),
    );

    it('prints the plan, and then says that more gates may close', async () => {
      const { code, stdout, stderr } = await pullgate(['plan', blind, '--config', config, '--max-closes', '2']);
      expect([code, stdout]).toEqual([2, expect.stringContaining('2 gates would close')]);
      expect(stderr.split('\n').at(-2)).toBe(
        'pullgate: more gates may close than the plan shows, because findings may be missing (AWS: it is off): let the scanner see the registries, and run the command again',
      );
    });

    it('ends with 1 as always if more gates would close already', async () => {
      const { code, stderr } = await pullgate(['plan', blind, '--config', config, '--max-closes', '1']);
      expect([code, stderr]).toEqual([1, expect.stringMatching(old)]);
    });
  });

  it('prints one document with --json: null for no rule', async () => {
    const { stdout } = await pullgate(['plan', snapshot, '--config', config, '--json']);
    const { targets, totals, ...head } = JSON.parse(stdout);
    expect(head).toEqual({
      stack: 'dev',
      config: `the config ${config}`,
      at: NOW,
      notes: ['the snapshot is of the stack dev', expect.any(String), expect.any(String)],
      maxCloses: 0,
    });
    expect(totals).toEqual({
      closes: 2,
      opens: 1,
      staysClosed: 0,
      waits: 0,
      clears: 0,
      mode: 1,
      unchanged: 1,
      pending: 0,
      use: { inUse: 1, workloads: 3, unknown: 1 },
    });
    expect(targets[0].limits).toEqual({ maxClosesPerHour: 25, maxClosesPerDay: 100, gates: 2, hours: 1 });
    expect(targets[0].gates[0]).toMatchObject({
      repository: 'team/app',
      change: 'closes',
      reason: 'CVE-2026-1002 (medium) in openssl',
      before: { state: { kind: 'open' }, mode: 'enforce', rule: null },
      after: { state: { kind: 'closed' }, mode: 'enforce', rule: null },
      moreFindings: 0,
    });
    expect(targets[0].gates[2].after.rule).toBe('rules[0] (shop/**)');
  });

  it('asks Pulumi for the config, of the named stack', async () => {
    const folder = mkdtempSync(join(FOLDER, 'pulumi-'));
    writeFileSync(
      join(folder, 'pulumi'),
      `#!/bin/sh\ncase "$*" in\n"config --json --stack "*) exec /bin/cat ${config} ;;\nesac\necho 'error: not that' >&2; exit 1\n`,
    );
    chmodSync(join(folder, 'pulumi'), 0o755);
    const asked = await pullgate(['plan', snapshot, '--stack', 'dev'], { PATH: folder });
    expect([asked.code, asked.stdout]).toEqual([1, expect.stringContaining('2 gates would close')]);
    const other = await pullgate(['plan', snapshot, '--stack', 'acme/pullgate/prod'], { PATH: folder });
    expect([other.code, other.stderr]).toEqual([
      2,
      'pullgate: the snapshot is of the stack dev, and the config of the stack prod: select dev (--stack), or give its config (--config FILE)\n',
    ]);
    const { code, stderr } = await pullgate(['plan', snapshot], { PATH: folder });
    expect([code, stderr]).toEqual([
      2,
      'pullgate: `pulumi config --json` failed: error: not that\nLog in (`pulumi login`) and select the stack (--stack NAME), or give its config (--config FILE).\n',
    ]);
  });

  it('asks Pulumi for the name of the selected stack', async () => {
    const folder = mkdtempSync(join(FOLDER, 'pulumi-'));
    const selecting = (name: string) => {
      writeFileSync(
        join(folder, 'pulumi'),
        `#!/bin/sh\n[ "$*" = "config --json" ] && exec /bin/cat ${config}\n[ "$*" = "stack --show-name" ] && echo ${name}\n`,
      );
      chmodSync(join(folder, 'pulumi'), 0o755);
      return pullgate(['plan', snapshot], { PATH: folder });
    };
    expect((await selecting('dev')).stdout).toContain('2 gates would close');
    expect(await selecting('prod')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^pullgate: the snapshot is of the stack dev, and the config of the stack prod: /),
    });
  });

  it.each([
    [['--all', '--json'], /^pullgate: --all is for the text: /],
    [['--all', '--markdown'], /^pullgate: --all is for the text: /],
    [['--json', '--markdown'], /^pullgate: --json and --markdown are two forms of the answer: give one of them\n$/],
    [['--outputs', 'outputs.json'], /has the deployed settings, so --outputs has no effect/],
    [['--save', 'other.json'], /^pullgate: --save only writes a snapshot and makes no plan: /],
    [['--azure'], /has none of the clouds that the options name\n$/],
    [['--max-closes', 'many'], /expected a whole number from 0/],
  ])('refuses %j', async (words, message) => {
    const { code, stdout, stderr } = await pullgate(['plan', snapshot, '--config', config, ...words]);
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)]);
  });
});

describe('the config', () => {
  const read = (text: string, environment = {}) => readConfig({ config: fileOf(text) }, NOW, environment);

  it('is read in the form of Pulumi and in plain form, with a comment and a byte order mark', async () => {
    const plain = await read('\uFEFF// a comment\n{"pullgate:mode": "enforce", "aws:region": "eu-west-1"}');
    const wrapped = await read(
      '{"pullgate:mode": {"value": "enforce", "secret": false}, "aws:region": {"value": "eu-west-1", "secret": false}}',
    );
    expect(plain.settings).toEqual(wrapped.settings);
    expect([plain.region, wrapped.region]).toEqual(['eu-west-1', 'eu-west-1']);
    expect((await read('{"pullgate:mode": "audit"}')).region).toBeUndefined();
  });

  it.each([
    [
      'a file that is not there',
      undefined,
      /^--config missing[.]json cannot be read \(ENOENT.*\): give a file with the output of `pulumi config --json`$/,
    ],
    ['no JSON', '{"pullgate:', /is not JSON \(\w+\): give the output of `pulumi config --json`$/],
    ['a list', '[]', /has no key that begins with pullgate:: give/],
    ['the config of another project', '{"other:key": {"value": "x"}}', /has no key that begins with pullgate:/],
    [
      'a secret',
      '{"pullgate:policy": {"secret": true}}',
      /^pullgate:policy is a secret, so the plan cannot read it: set it without --secret$/,
    ],
    [
      'every problem',
      '{"pullgate:mode": "both", "pullgate:polcy": {}}',
      /is invalid:\n {2}pullgate:mode is "both": .+\n {2}pullgate:polcy: unknown key; did you mean "policy"\?$/,
    ],
  ])('is refused: %s', async (_name, text, message) => {
    const reading = text === undefined ? readConfig({ config: 'missing.json' }, NOW, {}) : read(text);
    await expect(reading).rejects.toThrow(message);
  });

  it('is checked with the environment of the Azure provider', async () => {
    const text = JSON.stringify({
      'pullgate:clouds': ['azure'],
      'pullgate:azure': {
        registries: [
          '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contoso',
        ],
      },
      'azure-native:location': 'westeurope',
    });
    expect((await read(text)).settings.clouds).toEqual(['azure']);
    await expect(read(text, { ARM_ENVIRONMENT: 'china' })).rejects.toThrow(/azure-native:environment is "china"/);
  });
});

describe('the differences', () => {
  it.each([
    [{}, []],
    [{ mode: 'audit' }, ['mode: enforce -> audit']],
    [{ maxClosesPerHour: 5 }, ['maxClosesPerHour: 25 -> 5', 'maxClosesPerDay: 100 -> 20']],
    [{ policy: { graceDays: { high: 7 } } }, ['policy.graceDays: {} -> {"high":7}']],
    [{ policy: { graceDays: { critical: 7, high: 7, medium: 14, low: 30 } } }, ['policy.graceDays: {} -> an object']],
    [
      { policy: { exceptions: [{ id: 'CVE-2026-1', expires: '2099-12-31', reason: 'x' }] } },
      ['policy.exceptions: [] -> 1 entry'],
    ],
    [{ aws: { closeLambdaRepositories: true } }, ['aws.closeLambdaRepositories: false -> true']],
    [{ sweepHours: 12, notifyEmails: ['a@example.com'] }, []],
  ])('of %j', (keys, expected) => {
    expect(differences('aws', awsSettings(), awsSettings(keys)).map(describeDifference)).toEqual(expected);
  });

  it('of two long values are only said to be there', () => {
    const with1 = (id: string) => awsSettings({ policy: { exceptions: [{ id, expires: '2099-12-31', reason: 'x' }] } });
    expect(differences('aws', with1('CVE-2026-1'), with1('CVE-2026-2')).map(describeDifference)).toEqual([
      'policy.exceptions changes',
    ]);
  });
});
