// Reads which image Defender names: ids in both published forms, and details whose keys and encoding vary.
import * as v from 'valibot';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { pick, textOf } from './loose-json.ts';

/** An image, as Defender names it. */
export interface NamedImage {
  readonly repository: string;
  readonly digest: string;
  /**
   * The repository comes from an id that writes `-` for `/`: `team-app` may be `team/app`. Only the registry can tell.
   */
  readonly isDashed?: true;
}

/**
 * Each dash doubles the readings of a dashed name. 64 are all of six dashes, and of seven those with up to three
 * slashes.
 */
const MAX_READINGS = 64;
/** No id is longer. */
export const MAX_ID_CHARACTERS = 1_000;

/** What names an image, as it was given: unchecked. */
interface GivenImage {
  readonly repository?: string;
  readonly digest?: string;
  readonly isDashed?: true;
}

/**
 * What the details name, or else the ids.
 *
 * @param details `resourceAdditionalData` of an individual recommendation, `artifactDetails` of a sub-assessment:
 * objects, or JSON text
 * @param ids of the resource, in order
 */
export function readImage(details: readonly unknown[], ids: readonly string[]): GivenImage {
  const [byId] = ids.flatMap((id) => parseImageId(id) ?? []);
  const repository = details
    .flatMap((one) => [pick(one, 'repositoryDetails', 'repositoryName'), pick(one, 'repositoryName')])
    .find(isText);
  const digest = details.map((one) => pick(one, 'digest')).find(isText);
  const given = digest === undefined ? byId : { ...byId, digest };
  if (repository === undefined) return given ?? {};
  // A repository that is named is not read from a dashed id, nor put right by it.
  const { isDashed: _isDashed, ...named } = given ?? {};
  return { ...named, repository };
}

function isText(value: unknown): value is string {
  return textOf(value) !== '';
}

/** The image, checked. Undefined if a part is missing or unsafe. */
export function checkImage({ repository, digest, isDashed }: GivenImage): NamedImage | undefined {
  if (!v.is(repositoryName, repository) || !v.is(imageDigest, digest)) return undefined;
  // Without a dash there is one reading.
  return isDashed === true && repository.includes('-') ? { repository, digest, isDashed } : { repository, digest };
}

/**
 * The image in a resource's id: `/repositories/team/app/images/sha256:...`, or dashed,
 * `repositories-team-app-images-sha256:...`.
 * Sources: https://learn.microsoft.com/rest/api/defenderforcloud/sub-assessments/list for the one; for the other, a
 * tenant's own query for individual recommendations (welbsterhansi/defender, `defender.sh`).
 */
function parseImageId(given: string): GivenImage | undefined {
  const id = given.slice(0, MAX_ID_CHARACTERS);
  const [, path, pathDigest] = /(?:^|\/)repositories\/(.+)\/images\/(sha256:[0-9a-f]{64})/i.exec(id) ?? [];
  if (path !== undefined && pathDigest !== undefined) return { repository: path, digest: pathDigest };
  const [, dashed, digest] = /repositories-(.+)-images-(sha256:[0-9a-f]{64})/i.exec(id) ?? [];
  return dashed === undefined || digest === undefined ? undefined : { repository: dashed, digest, isDashed: true };
}

/** Do the details of a resource say that it is a container image, whether or not something names it? */
export function isOfContainerImage(resourceDetails: unknown): boolean {
  return /containerimage/i.test(textOf(pick(resourceDetails, 'resourceType')));
}

/** How an id in the dashed form writes a repository's name. */
export function dashed(repository: string): string {
  return repository.replaceAll('/', '-');
}

/** May this be the name of the image's repository? */
export function mayBeIn({ repository, isDashed }: NamedImage, name: string): boolean {
  return isDashed === true ? dashed(name) === repository : name === repository;
}

/** All repository names that a dashed name can stand for: the literal one first, then those with the fewest slashes. */
export function repositoriesFor({ repository, isDashed }: NamedImage): readonly string[] {
  if (isDashed !== true) return [repository];
  const readings = [{ name: repository, from: 0 }];
  // Each reading turns one more dash into a slash, always one behind the last.
  for (const { name, from } of readings) {
    for (let dash = name.indexOf('-', from); dash !== -1; dash = name.indexOf('-', dash + 1)) {
      if (readings.length >= MAX_READINGS) break;
      readings.push({ name: `${name.slice(0, dash)}/${name.slice(dash + 1)}`, from: dash + 1 });
    }
  }
  return readings.map(({ name }) => name).filter((name) => v.is(repositoryName, name));
}
