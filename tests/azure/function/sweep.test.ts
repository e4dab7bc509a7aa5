// The ports of a tick and a sweep on Azure: the gates of usable registries, and why a scanner is unhealthy.
import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import type { Adapters, Dependencies } from '../../../azure/function/adapters.ts';
import type { UnplacedImage } from '../../../azure/function/findings.ts';
import { PartialAnswer } from '../../../azure/function/log-analytics.ts';
import type { ListedGate } from '../../../azure/function/records.ts';
import type { ResolvedRegistry, UnresolvedRegistry } from '../../../azure/function/registries.ts';
import type { Settings } from '../../../azure/function/settings.ts';
import { createSweepPorts } from '../../../azure/function/sweep.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import { digest, NOW, record, rules } from '../../shared/samples.ts';
import { DIGEST, REGISTRY_ID } from './samples.ts';

const idOf = (name: string) => REGISTRY_ID.replace('myacr', name);
const usable = (name: string): ResolvedRegistry => ({
  kind: 'resolved',
  id: idOf(name),
  name,
  loginServer: `${name}.azurecr.io`,
  problem: undefined,
});
const misconfigured = (name: string): ResolvedRegistry => ({ ...usable(name), problem: `${name}: run pulumi up` });
const silent = (name: string): UnresolvedRegistry => ({
  kind: 'unresolved',
  id: idOf(name),
  name,
  problem: `${name} does not respond`,
});
const gate = (registry: string, repository: string, one?: string): Gate => ({
  registry: idOf(registry),
  repository,
  ...(one === undefined ? {} : { digest: one }),
});
const unplaced = (repository: string): UnplacedImage => ({
  registryName: '',
  registryHost: '',
  image: { repository, digest: DIGEST },
  assessment: `of ${repository}`,
});

interface World {
  readonly registries?: readonly (ResolvedRegistry | UnresolvedRegistry)[];
  readonly gates?: readonly ListedGate[];
  readonly waiting?: readonly Gate[];
  readonly due?: readonly Gate[];
  readonly granularity?: Settings['granularity'];
  /** The repositories with findings, by registry. */
  readonly findings?: Readonly<Record<string, readonly string[]>>;
  readonly unplaced?: readonly UnplacedImage[] | Error;
  /** The repositories that have the image, in each registry; or the error of the registry. */
  readonly repositories?: readonly string[] | Error;
  /** The readings of the locks, by repository. */
  readonly readings?: Readonly<Record<string, object>>;
}

/** The ports over a stack's world, with their log lines and calls. */
function stage({ registries = [usable('myacr')], granularity = 'image', ...world }: World = {}) {
  const lines: object[] = [];
  const sent: unknown[] = [];
  const knownFindings: boolean[] = [];
  const adapters = {
    table: {
      records: {
        load: ({ repository }: Gate) =>
          Promise.resolve({ value: record({ state: { kind: repository === 'gone-before' ? 'open' : 'closed' } }) }),
      },
      row: (name: string) => `the row ${name}`,
      async *gates() {
        yield* world.gates ?? [];
      },
      waiting: async () => (world.waiting ?? []).map((one) => ({ gate: one, rank: '0' })),
      due: async () => world.due ?? [],
      locked: async (after: string | undefined) => ({ gates: world.due ?? [], next: after }),
    },
    registries: {
      all: async () => registries,
      usable: async () => registries.filter(({ problem }) => problem === undefined),
    },
    registryAt: (resolved: ResolvedRegistry) => ({
      resolved,
      async digestsIn(repository: string) {
        if (world.repositories instanceof Error) throw world.repositories;
        return new Set(world.repositories?.includes(repository) ? [DIGEST] : []);
      },
      port: () => ({ read: async ({ repository }: Gate) => world.readings?.[repository] }),
    }),
    scanner: {
      async health(_now: string, hasFindings: boolean) {
        knownFindings.push(hasFindings);
        return hasFindings ? 'no recommendation of an image' : undefined;
      },
      repositoriesWithFindings: async ({ name }: ResolvedRegistry) => new Set(world.findings?.[name]),
      async unplacedImages() {
        if (world.unplaced instanceof Error) throw world.unplaced;
        return world.unplaced ?? [];
      },
    },
    queue: {
      sendRequests: async (...given: readonly unknown[]) => void sent.push(given),
      deadLetterCount: async () => 7,
    },
  };
  const dependencies = { settings: { hash: 'abc', sweepHours: 6, granularity }, now: () => NOW };
  const stackRules = rules();
  const ports = createSweepPorts(
    dependencies as unknown as Dependencies,
    adapters as unknown as Adapters,
    stackRules,
    (line) => void lines.push(line),
  );
  return { ports, lines, sent, knownFindings, stackRules };
}

describe('a tick', () => {
  it('gets the rows, the rules and the settings of the stack, and counts the poison queue', async () => {
    const { ports, sent, stackRules } = stage();
    expect(ports).toMatchObject({ state: 'the row sweep', brake: 'the row brake', sweepHours: 6, settingsHash: 'abc' });
    expect([ports.rules === stackRules, ports.now(), await ports.tickFacts?.()]).toEqual([true, NOW, { poison: 7 }]);
    await ports.sendRequests([gate('myacr', 'team/app')], 'tick');
    expect(sent).toEqual([[[gate('myacr', 'team/app')], 'tick']]);
  });

  it('skips the gates of registries that are unusable or no longer part of the stack, and takes the next ones', async () => {
    const gates = ['silentacr', 'brokenacr', 'goneacr', 'myacr', 'otheracr', 'myacr'].map((name, place) =>
      gate(name, 'team/app', digest(place)),
    );
    const registries = [usable('myacr'), usable('otheracr'), misconfigured('brokenacr'), silent('silentacr')];
    const { ports } = stage({ registries, waiting: gates, due: gates });
    expect((await ports.waiting(10)).map((waits) => waits.gate)).toEqual(gates.slice(3));
    expect((await ports.waiting(2)).map((waits) => waits.gate)).toEqual(gates.slice(3, 5));
    expect(await ports.gatesDue(NOW, 2)).toEqual(gates.slice(3, 5));
  });

  it('reads the locks of usable registries: one that is absent, or whose image is gone while the gate is not open, is unlocked', async () => {
    const due = [gate('myacr', 'team/a')];
    const readings = { locked: { lock: 'unmarked' }, unlocked: { lock: 'absent' } };
    const { ports } = stage({ registries: [usable('myacr'), misconfigured('brokenacr')], due, readings });
    expect(await ports.lockedGates('here')).toEqual({ gates: due, next: 'here' });
    const gates = ['locked', 'unlocked', 'gone', 'gone-before'].map((name) => gate('myacr', name));
    const others = [gate('brokenacr', 'unlocked'), gate('formeracr', 'unlocked')];
    const unlocked = await Promise.all([...gates, ...others].map(ports.isUnlocked));
    expect(unlocked).toEqual([false, true, true, false, false, false]);
  });

  it('takes only status 429 for throttling', () => {
    const { ports } = stage();
    const errors = [
      new RestError('slow down', { statusCode: 429 }),
      new RestError('no', { statusCode: 403 }),
      new Error('no'),
    ];
    expect(errors.map(ports.isThrottled)).toEqual([true, false, false]);
  });

  it.each<[Settings['granularity'], readonly Gate[]]>([
    ['image', [gate('myacr', 'team/a', digest(1)), gate('myacr', 'team/b')]],
    ['repository', [gate('myacr', 'team/a'), gate('myacr', 'team/b')]],
  ])('with `granularity: %s` finds an override of each kind of gate', async (granularity, found) => {
    const due = [gate('myacr', 'team/a', digest(1)), gate('myacr', 'team/b')];
    expect(await stage({ granularity, due }).ports.gatesDue(NOW, 10)).toEqual(found);
  });
});

describe('the scanner', () => {
  const listed = (state: string, hasOverride = false): ListedGate => ({
    ...gate('myacr', 'team/app'),
    state,
    hasOverride,
  });

  it.each<[string, readonly ListedGate[], boolean]>([
    ['no gates', [], false],
    ['open gates only', [listed('open'), listed('open')], false],
    ['a closed gate', [listed('open'), listed('closed')], true],
    ['a waiting gate', [listed('waiting')], true],
    ['a gate that a person closed', [listed('closed', true)], false],
    ['a gate that a person closed, and one that findings closed', [listed('closed', true), listed('closed')], true],
  ])('must report images only if findings hold a gate: %s', async (_what, gates, hasFindings) => {
    const { ports, knownFindings } = stage({ gates });
    expect(await ports.scannerHealth()).toBe(hasFindings ? 'no recommendation of an image' : undefined);
    expect(knownFindings).toEqual([hasFindings]);
  });

  it.each([
    ['does not respond', silent('otheracr'), 'otheracr does not respond'],
    ['is unusable', misconfigured('otheracr'), 'otheracr: run pulumi up'],
  ])('is unhealthy without a query if a registry %s', async (_what, registry, why) => {
    const { ports, knownFindings } = stage({ registries: [usable('myacr'), registry] });
    expect([await ports.scannerHealth(), knownFindings]).toEqual([why, []]);
  });
});

describe('the repositories of a sweep', () => {
  const NOTHING = { attributed: 0, gone: 0, unattributed: 0, unread: 0, assessments: [] };

  it('are those with findings in every usable registry', async () => {
    const registries = [usable('myacr'), silent('silentacr'), usable('otheracr'), usable('emptyacr')];
    const findings = { myacr: ['team/a', 'team/b'], silentacr: ['team/c'], otheracr: ['team/a'] };
    const { ports, lines } = stage({ registries, findings });
    expect(await ports.repositoriesWithFindings()).toEqual([
      gate('myacr', 'team/a'),
      gate('myacr', 'team/b'),
      gate('otheracr', 'team/a'),
    ]);
    expect(lines).toEqual([{ kind: 'attribution', ...NOTHING }]);
  });

  it('include those with an image that no row places', async () => {
    const { ports, lines } = stage({
      findings: { myacr: ['team/a'] },
      unplaced: [unplaced('team/b'), unplaced('team/none')],
      repositories: ['team/b'],
    });
    expect(await ports.repositoriesWithFindings()).toEqual([gate('myacr', 'team/a'), gate('myacr', 'team/b')]);
    expect(lines).toEqual([
      { kind: 'attribution', ...NOTHING, attributed: 1, unattributed: 1, assessments: ['of team/none'] },
    ]);
  });

  it('count a deleted image as gone, and not as unattributed, if rows place others', async () => {
    const deleted = { ...unplaced('team/b'), image: { repository: 'team/b', digest: digest(9) } };
    const world = { unplaced: [deleted], repositories: ['team/b'] };
    const some = stage({ ...world, findings: { myacr: ['team/a'] } });
    await some.ports.repositoriesWithFindings();
    expect(some.lines).toEqual([{ kind: 'attribution', ...NOTHING, gone: 1 }]);
    const none = stage(world);
    await none.ports.repositoriesWithFindings();
    expect(none.lines).toMatchObject([{ gone: 0, unattributed: 1 }]);
  });

  it('are swept if a registry denies listing, and each error is logged once', async () => {
    const { ports, lines } = stage({
      findings: { myacr: ['team/a'] },
      unplaced: [unplaced('team/b'), unplaced('team/c')],
      repositories: new RestError('blocked', { statusCode: 403 }),
    });
    expect(await ports.repositoriesWithFindings()).toEqual([gate('myacr', 'team/a')]);
    expect(lines).toEqual([
      { kind: 'failed', error: expect.stringMatching(/^RestError: blocked \(a service answers 403: /) },
      { kind: 'attribution', ...NOTHING, unread: 2 },
    ]);
  });

  it('are swept if one answer cannot hold the images that no row places', async () => {
    const { ports, lines } = stage({ findings: { myacr: ['team/a'] }, unplaced: new PartialAnswer('too many') });
    expect(await ports.repositoriesWithFindings()).toEqual([gate('myacr', 'team/a')]);
    expect(lines).toEqual([
      { kind: 'failed', error: 'PartialAnswer: too many' },
      { kind: 'attribution', ...NOTHING, unread: 1 },
    ]);
  });

  it('are unknown if the workspace does not respond, so that the next tick sweeps again', async () => {
    const { ports, lines } = stage({ findings: { myacr: ['team/a'] }, unplaced: new RestError('429') });
    await expect(ports.repositoriesWithFindings()).rejects.toThrow('429');
    expect(lines).toEqual([]);
  });
});
