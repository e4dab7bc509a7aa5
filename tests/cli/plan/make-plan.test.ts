// Tests what a plan notes about a stack as a whole: clouds, regions and registries that come and go, a pause, and age.
import { describe, expect, it } from 'vitest';
import { makePlan, oldSnapshot } from '../../../cli/plan/make-plan.ts';
import { deployedSettings } from '../../../cli/plan/settings.ts';
import type { Target } from '../../../cli/plan/snapshot.ts';
import { digest, hoursLater, NOW, record } from '../../shared/samples.ts';
import { awsTarget, HIGH, REGISTRY, repositoryWith, snapshotOf, workingConfig } from './planning.ts';

const ANOTHER = REGISTRY.replace('acmeimages', 'another');
const CLOSED = repositoryWith([HIGH], { reading: { lock: 'current' }, record: record() });

function azureTarget(registries: readonly string[]): Target {
  const content = { ...awsTarget().content, registries, granularity: 'image', registryRoles: 'rbac', notifyEmails: [] };
  const gate = { registry: REGISTRY, repository: 'team/app', digest: digest(1) };
  const closed = repositoryWith([HIGH], {
    gate,
    reading: { lock: 'unmarked' },
    record: record({ gate, claimed: true }),
  });
  return {
    cloud: 'azure',
    settings: deployedSettings('azure', content, undefined),
    content,
    notes: [],
    repositories: [closed],
  };
}

describe('a plan notes', () => {
  it.each<readonly [string, readonly Target[], Parameters<typeof workingConfig>, readonly string[]]>([
    [
      'nothing if only the policy changes',
      [awsTarget({ repositories: [CLOSED] })],
      [{ mode: 'audit' }, 'eu-west-1'],
      [],
    ],
    [
      'what could not be observed',
      [awsTarget({ notes: ['AWS: findings may be missing: off'] })],
      [{}],
      ['AWS: findings may be missing: off'],
    ],
    [
      'a pause, which it does not count',
      [awsTarget({ pausedAt: NOW })],
      [{}],
      ['AWS: paused since 2026-06-15 12:00 UTC; the plan shows what happens after the pause'],
    ],
    [
      'another region: the component is destroyed, and locks stay',
      [awsTarget({ repositories: [CLOSED] })],
      [{}, 'eu-central-1'],
      [
        'AWS: aws:region changes from eu-west-1 to eu-central-1, so its component is destroyed. 1 closed gate would stay closed: run `pullgate pause --wait` first',
      ],
    ],
    [
      'a cloud that is left out, and one that is new',
      [awsTarget()],
      [{ clouds: ['azure'], azure: { registries: [REGISTRY] } }],
      [
        'Azure: pullgate:clouds adds it. It is not deployed yet, so the plan has none of its gates',
        'AWS: pullgate:clouds leaves it out, so its component is destroyed. No gate of it is closed',
      ],
    ],
    [
      'a registry that is left out, and one that is new',
      [azureTarget([REGISTRY])],
      [{ clouds: ['azure'], azure: { registries: [ANOTHER] } }],
      [
        'Azure: azure.registries adds another. It is not observed before it is deployed, so the plan has none of its gates',
        'Azure: azure.registries leaves out acmeimages; 1 closed gate would stay closed: run `pullgate release` for its repositories first',
      ],
    ],
    [
      'a registry without a closed gate that is left out',
      [azureTarget([REGISTRY, ANOTHER])],
      [
        {
          clouds: ['azure'],
          azure: { registries: [REGISTRY.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions')] },
        },
      ],
      ['Azure: azure.registries leaves out another; none of its gates is closed'],
    ],
    [
      'another granularity',
      [azureTarget([REGISTRY])],
      [{ clouds: ['azure'], azure: { registries: [REGISTRY], granularity: 'repository' } }],
      ['Azure: azure.granularity changes. The locks of the new gates were not read, so those of others are not seen'],
    ],
  ])('%s', async (_name, targets, config, notes) => {
    const plan = await makePlan(snapshotOf(...targets), workingConfig(...config));
    expect(plan.notes).toEqual(notes);
  });

  it('no new cloud if the snapshot has only some of the clouds', async () => {
    const config = workingConfig({ clouds: ['aws', 'azure'], azure: { registries: [REGISTRY] } });
    expect((await makePlan({ ...snapshotOf(awsTarget()), isWhole: false }, config)).notes).toEqual([]);
  });

  it.each([
    [0, undefined],
    [23.9, undefined],
    [24, 'the snapshot is 24 hours old: findings and gates may have changed, so save a new one'],
    [99.5, 'the snapshot is 99 hours old: findings and gates may have changed, so save a new one'],
  ])('an old snapshot: %d hours', (hours, note) => {
    expect(oldSnapshot(NOW, hoursLater(hours))).toBe(note);
  });

  it('judges as of the time of the snapshot', async () => {
    const exceptions = [{ id: HIGH.vulnerability, expires: '2026-06-20', reason: 'reviewed' }];
    const target = awsTarget({ repositories: [repositoryWith([HIGH])], given: { policy: { exceptions } } });
    const config = workingConfig({ policy: { exceptions } });
    const plan = (at: string) => makePlan({ ...snapshotOf(target), at }, config);
    // Both configs close it once the exception has ended.
    expect((await plan(NOW)).targets[0]).toMatchObject({ changes: [], pending: 0 });
    expect((await plan('2026-06-21T00:00:00.000Z')).targets[0]).toMatchObject({ changes: [], pending: 1, braked: 1 });
  });
});
