// Tests the options of an override and the names that `release` accepts: valid values, and the errors for invalid ones.
import { describe, expect, it } from 'vitest';
import { type OverrideOptions, parseOverride } from '../../../cli/override/options.ts';
import { type GateBefore, refuseIneffective } from '../../../cli/override/override.ts';
import { parseSelection } from '../../../cli/release/release.ts';
import { newRecord } from '../../../shared/gate/record.ts';
import type { Reading } from '../../../shared/reconcile/ports.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import { digest, GATE, NOW, record, rules } from '../../shared/samples.ts';

const GIVEN = { for: '4h', reason: ' the shop is down ', approvedBy: 'Grace Hopper' };

describe('an override', () => {
  it.each([
    ['30m', '2026-06-15T12:30:00.000Z'],
    ['4h', '2026-06-15T16:00:00.000Z'],
    ['1h30m', '2026-06-15T13:30:00.000Z'],
    ['24h', '2026-06-16T12:00:00.000Z'],
    ['1440m', '2026-06-16T12:00:00.000Z'],
    ['1m', '2026-06-15T12:01:00.000Z'],
  ])('for %s ends at %s', (time, until) => {
    expect(parseOverride('open', { ...GIVEN, for: time }, NOW, 'ada')).toEqual({
      kind: 'open',
      at: NOW,
      until,
      reason: 'the shop is down',
      approvedBy: 'Grace Hopper',
      by: 'ada',
    });
  });

  const TIME = 'expected hours, minutes or both, such as 30m, 4h or 1h30m; at least 1m, at most 24h';
  const REASON = 'expected a reason in one line, at most 500 characters';
  it.each<[string, OverrideOptions, readonly string[]]>([
    [
      'without options',
      {},
      [
        `--for is missing: ${TIME}`,
        `--reason is missing: ${REASON}`,
        '--approved-by is missing: expected the name of the approver in one line, at most 200 characters',
      ],
    ],
    ['for longer than a day', { ...GIVEN, for: '24h1m' }, [`--for "24h1m": ${TIME}`]],
    ['for days', { ...GIVEN, for: '1d' }, [`--for "1d": ${TIME}`]],
    ['for zero hours', { ...GIVEN, for: '0h' }, [`--for "0h": ${TIME}`]],
    ['with an empty duration', { ...GIVEN, for: '' }, [`--for "": ${TIME}`]],
    ['with an empty reason', { ...GIVEN, reason: '  ' }, [`--reason "  ": ${REASON}`]],
    ['with a reason in two lines', { ...GIVEN, reason: 'a\nb' }, [`--reason "a\\nb": ${REASON}`]],
    ['with control characters in the reason', { ...GIVEN, reason: '\u001B[2J' }, [`--reason "\\u001b[2J": ${REASON}`]],
    [
      'with a reason that is too long',
      { ...GIVEN, reason: 'x'.repeat(501) },
      [`--reason "${'x'.repeat(80)}…": ${REASON}`],
    ],
  ])('%s is rejected, and every problem is named', (_name, options, problems) => {
    expect(() => parseOverride('open', options, NOW, 'ada')).toThrow(
      `an override needs a duration, a reason and an approver:\n  ${problems.join('\n  ')}`,
    );
  });
});

describe('an override is rejected if it would have no effect', () => {
  const reading = (changes: Partial<Reading<unknown>> = {}): Reading<unknown> => {
    return { lock: 'absent', snapshot: '', ...changes };
  };
  const IN_USE = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };
  const OPEN: GateBefore = { gate: GATE, record: newRecord(GATE, NOW), blockers: 0, override: undefined };
  const CLAIMED: GateBefore = { ...OPEN, record: record({ claimed: true }) };
  const EXCLUDED = rules({ repositories: { include: ['other/*'], exclude: [] } });
  const LOCKED = 'team/app has a lock that pullgate did not set and does not change: remove the lock yourself';

  it.each<[string, 'open' | 'closed', GateBefore, Reading<unknown> | undefined, Rules, string | undefined]>([
    ['accepts one that opens during a pause', 'open', OPEN, reading(), rules({ mode: 'pause' }), undefined],
    [
      'accepts one that opens a repository that serves Lambda functions',
      'open',
      OPEN,
      reading({ inUse: IN_USE }),
      rules(),
      undefined,
    ],
    ['accepts one that opens an excluded repository', 'open', OPEN, reading(), EXCLUDED, undefined],
    ['rejects one that opens a gate with a foreign lock', 'open', OPEN, reading({ lock: 'unmarked' }), rules(), LOCKED],
    ['accepts one that opens a gate with our lock', 'open', CLAIMED, reading({ lock: 'unmarked' }), rules(), undefined],
    ['accepts one that closes', 'closed', OPEN, reading(), rules(), undefined],
    [
      'rejects one that closes a gate with a foreign lock',
      'closed',
      OPEN,
      reading({ lock: 'unmarked' }),
      rules(),
      LOCKED,
    ],
    ['accepts one that closes in audit mode', 'closed', OPEN, reading(), rules({ mode: 'audit' }), undefined],
    [
      'rejects one that closes during a pause',
      'closed',
      OPEN,
      reading(),
      rules({ mode: 'pause' }),
      'the stack is paused, and an override cannot close a gate during a pause: run `pullgate resume`',
    ],
    [
      'accepts one that closes a repository that serves Lambda functions',
      'closed',
      OPEN,
      reading({ inUse: IN_USE }),
      rules(),
      undefined,
    ],
    [
      'rejects one that closes an excluded repository',
      'closed',
      OPEN,
      reading(),
      EXCLUDED,
      "the stack's config excludes team/app: include it and run `pulumi up`",
    ],
  ])('%s', async (_name, kind, before, shown, byRules, problem) => {
    const client = { read: async () => shown };
    const said = await refuseIneffective(kind, [before], { client, rules: byRules }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(said).toBe(problem);
  });
});

describe('a release of', () => {
  const AZURE = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acmeImages';
  const GATES = {
    app: GATE,
    api: { ...GATE, repository: 'team/app/api' },
    mirror: { ...GATE, repository: 'registry.k8s.io/pause' },
    image: { registry: AZURE, repository: 'team/app', digest: digest(1) },
    other: { registry: AZURE, repository: 'team/app', digest: digest(2) },
  };
  it.each<[string, readonly (keyof typeof GATES)[]]>([
    ['team/app', ['app', 'image', 'other']],
    ['team/*', ['app', 'image', 'other']],
    ['team/**', ['app', 'api', 'image', 'other']],
    ['**', ['app', 'api', 'mirror', 'image', 'other']],
    // A repository's name may begin like a host.
    ['registry.k8s.io/pause', ['mirror']],
    ['registry.k8s.io/**', ['mirror']],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/registry.k8s.io/pause', ['mirror']],
    ['ghcr.io/**', []],
    ['team', []],
    [`team/app@${digest(1)}`, ['image']],
    [`team/**@${digest(2)}`, ['other']],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/**', ['app', 'api']],
    ['123456789013.dkr.ecr.eu-west-1.amazonaws.com/team/**', []],
    ['acmeimages.azurecr.io/team/app', ['image', 'other']],
    ['acmeimages-a1b2c3.azurecr.io/team/app', ['image', 'other']],
    ['acme.azurecr.io/team/app', []],
  ])('%s selects %j', (text, names) => {
    const { matches } = parseSelection(text);
    const found = Object.entries(GATES).flatMap(([name, gate]) => (matches(gate) ? [name] : []));
    expect(found).toEqual(names);
  });

  it.each(['', 'team/app:1.0', 'Team/App', 'team/app@sha256:12', `team/app@${digest(1)}@${digest(1)}`, 'team/[ab]'])(
    '%j is rejected',
    (text) => {
      expect(() => parseSelection(text)).toThrow(
        `${JSON.stringify(text)} is not the name of a gate: give a repository (team/app), a glob over repositories ('team/**') or an image`,
      );
    },
  );
});
