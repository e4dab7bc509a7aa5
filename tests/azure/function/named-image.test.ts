// Which image Defender names: ids in both forms, details in every casing and encoding, and the readings of a dashed
// name.
import { describe, expect, it } from 'vitest';
import { checkImage, mayBeIn, readImage, repositoriesFor } from '../../../azure/function/named-image.ts';
import { DIGEST, REGISTRY_ID } from './samples.ts';

const OTHER = `sha256:${'b'.repeat(64)}`;
const TEAM_APP = { repository: 'team/app', digest: DIGEST };
const DASHED = { repository: 'team-app', digest: DIGEST, isDashed: true };

describe('an id', () => {
  it.each<[string, unknown]>([
    [`/repositories/team/app/images/${DIGEST}`, TEAM_APP],
    [`${REGISTRY_ID}/repositories/team/app/images/${DIGEST}/more`, TEAM_APP],
    [`/repositories/a/images/b/images/${DIGEST}`, { repository: 'a/images/b', digest: DIGEST }],
    [`/repositories/team--shop/check__out/images/${DIGEST}`, { repository: 'team--shop/check__out', digest: DIGEST }],
    [`repositories/team/app/images/${DIGEST}`, TEAM_APP],
    [`repositories-team-app-images-${DIGEST}`, DASHED],
    [`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`, DASHED],
    [`${REGISTRY_ID}-repositories-team-app-images-${DIGEST}`, DASHED],
    [`${REGISTRY_ID}-repositories-app-images-${DIGEST}`, { repository: 'app', digest: DIGEST }],
    [`/repositories/Team/App/images/${DIGEST}`, undefined],
    [`/repositories/team/../app/images/${DIGEST}`, undefined],
    [`repositories-Team-images-${DIGEST}`, undefined],
    ['/repositories/team/app/images/latest', undefined],
    [`/repositories/team-app-images-${DIGEST}`, undefined],
    ['', undefined],
  ])('%s names the image %j', (id, image) => {
    expect(checkImage(readImage([], [id]))).toEqual(image);
  });
});

describe('details', () => {
  const id = `${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`;
  it.each<[string, unknown, readonly string[], unknown]>([
    ['name repository and digest', { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST }, [], TEAM_APP],
    ['in camelCase', { repositoryDetails: { repositoryName: 'team/app' }, digest: DIGEST }, [], TEAM_APP],
    ['of a sub-assessment', { repositoryName: 'team/app', digest: DIGEST }, [], TEAM_APP],
    ['as JSON text', JSON.stringify({ RepositoryName: 'team/app', Digest: DIGEST }), [], TEAM_APP],
    [
      'as JSON text within JSON text',
      JSON.stringify({ RepositoryDetails: JSON.stringify({ RepositoryName: 'team/app' }), Digest: DIGEST }),
      [],
      TEAM_APP,
    ],
    ['tell how to read a dashed id', { RepositoryName: 'team/app' }, [id], TEAM_APP],
    ['override the digest of the id', { Digest: OTHER }, [id], { ...DASHED, digest: OTHER }],
    ['that name an unsafe repository are not corrected by the id', { RepositoryName: 'team/../app' }, [id], undefined],
    ['that are truncated leave the id', '{"RepositoryName":"team/ap', [id], DASHED],
    ['that name nothing leave the id', { RepositoryName: '', Digest: null }, [id], DASHED],
    ['that name only a repository, without an id, name no image', { RepositoryName: 'team/app' }, [], undefined],
  ])('%s', (_name, details, ids, image) => {
    expect(checkImage(readImage([undefined, details], ids))).toEqual(image);
  });
});

describe('a dashed name', () => {
  it.each<[string, readonly string[]]>([
    ['app', ['app']],
    ['team-app', ['team-app', 'team/app']],
    ['a-b-c', ['a-b-c', 'a/b-c', 'a-b/c', 'a/b/c']],
  ])('%s has the readings %j', (repository, names) => {
    const image = { repository, digest: DIGEST, isDashed: true } as const;
    expect(repositoriesFor(image)).toEqual(names);
    expect(names.filter((name) => mayBeIn(image, name))).toEqual(names);
    expect(mayBeIn(image, `${repository}-2`)).toBe(false);
  });

  it('has only readings that are valid names', () => {
    const readings = repositoriesFor({ repository: 'team--app', digest: DIGEST, isDashed: true });
    expect(readings).toEqual(['team--app', 'team/-app', 'team-/app']);
  });

  it('has at most 64 readings, those with the fewest slashes first', () => {
    const readingsOf = (repository: string) => repositoriesFor({ repository, digest: DIGEST, isDashed: true });
    expect(readingsOf('a-b-c-d-e-f-g')).toHaveLength(64);
    const many = readingsOf('my-org-my-team-my-service-api-worker');
    expect(many).toHaveLength(64);
    expect(new Set(many).size).toBe(64);
    expect(many[0]).toBe('my-org-my-team-my-service-api-worker');
    expect(many).toContain('my-org/my-team/my-service-api-worker');
    expect(readingsOf(`a${'-b'.repeat(100)}`)).toHaveLength(64);
  });

  it('has one reading if it is not dashed', () => {
    const image = { repository: 'team-app', digest: DIGEST };
    expect(repositoriesFor(image)).toEqual(['team-app']);
    expect([mayBeIn(image, 'team-app'), mayBeIn(image, 'team/app')]).toEqual([true, false]);
  });
});
