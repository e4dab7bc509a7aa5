// The number of images that no scan judges, by reason.
import { describe, expect, it } from 'vitest';
import { countUnscanned, describeUnscanned, type UnscannedImage } from '../../../shared/reconcile/unscanned.ts';
import { digest } from '../samples.ts';

const image = (repository: string, reason: string): UnscannedImage => ({ repository, digest: digest(1), reason });
const everything = () => true;

describe('the images that no scan judges', () => {
  it('are counted by reason, the most frequent first, and their repositories are named', () => {
    const images = [
      image('team/b', 'TOO_OLD'),
      image('team/a', 'NO_SYSTEM'),
      image('team/b', 'NO_SYSTEM'),
      image('team/c', 'EXCLUDED'),
    ];
    const counted = countUnscanned(images, everything);
    expect(counted).toEqual({
      images: 4,
      byReason: { NO_SYSTEM: 2, EXCLUDED: 1, TOO_OLD: 1 },
      repositories: ['team/b', 'team/a', 'team/c'],
      moreRepositories: 0,
    });
    expect(describeUnscanned(counted)).toBe('2 NO_SYSTEM, 1 EXCLUDED, 1 TOO_OLD');
  });

  it('do not include those of repositories that the config leaves out', () => {
    const images = [image('team/a', 'TOO_OLD'), image('scratch/a', 'TOO_OLD')];
    const counted = countUnscanned(images, (repository) => repository.startsWith('team/'));
    expect([counted.images, counted.repositories]).toEqual([1, ['team/a']]);
  });

  it('name 20 repositories and count the others', () => {
    const images = Array.from({ length: 23 }, (_, number) => image(`team/app-${number}`, 'TOO_OLD'));
    const { repositories, moreRepositories } = countUnscanned(images, everything);
    expect([repositories.length, moreRepositories]).toEqual([20, 3]);
  });

  it('can be none', () => {
    const none = countUnscanned([], everything);
    expect(none).toEqual({ images: 0, byReason: {}, repositories: [], moreRepositories: 0 });
    expect(describeUnscanned(none)).toBe('');
  });
});
