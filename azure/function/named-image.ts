// Reads which image Defender names. Ids have two published forms, and details vary in the casing and encoding of keys.
import * as v from 'valibot';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { pick, textOf } from './loose-json.ts';

/** An image, as Defender names it. */
export interface NamedImage {
  readonly repository: string;
  readonly digest: string;
  /**
   * The repository comes from an id that writes `-` for `/`: `team-app` may mean `team/app`. Only the registry can
   * tell.
   */
  readonly isDashed?: true;
}

/**
 * Each dash doubles the possible readings of a dashed name. 64 readings are all of a name with six dashes, and those
 * with at most three slashes of a name with seven.
 */
const MAX_READINGS = 64;
/** The maximum length of an id. */
export const MAX_ID_CHARACTERS = 1_000;

/** The parts of an image's name as they were given, unchecked. */
interface GivenImage {
  readonly repository?: string;
  readonly digest?: string;
  readonly isDashed?: true;
}

/**
 * Reads an image from the details, and from the ids if the details do not name it.
 *
 * @param details `resourceAdditionalData` of an individual recommendation, `artifactDetails` of a sub-assessment:
 * objects, or JSON text
 * @param ids the ids of the resource, in order of preference
 */
export function readImage(details: readonly unknown[], ids: readonly string[]): GivenImage {
  const [byId] = ids.flatMap((id) => parseImageId(id) ?? []);
  const repository = details
    .flatMap((one) => [pick(one, 'repositoryDetails', 'repositoryName'), pick(one, 'repositoryName')])
    .find(isText);
  const digest = details.map((one) => pick(one, 'digest')).find(isText);
  const given = digest === undefined ? byId : { ...byId, digest };
  if (repository === undefined) return given ?? {};
  // A repository that the details name is neither read from a dashed id nor corrected by it.
  const { isDashed: _isDashed, ...named } = given ?? {};
  return { ...named, repository };
}

function isText(value: unknown): value is string {
  return textOf(value) !== '';
}

/** The checked image. Undefined if a part is missing or unsafe. */
export function checkImage({ repository, digest, isDashed }: GivenImage): NamedImage | undefined {
  if (!v.is(repositoryName, repository) || !v.is(imageDigest, digest)) return undefined;
  // A name without a dash has only one reading.
  return isDashed === true && repository.includes('-') ? { repository, digest, isDashed } : { repository, digest };
}

/**
 * The image in a resource's id: `/repositories/team/app/images/sha256:...`, or dashed,
 * `repositories-team-app-images-sha256:...`.
 * Sources: https://learn.microsoft.com/rest/api/defenderforcloud/sub-assessments/list for the first form; a tenant's
 * own query for individual recommendations for the dashed form (welbsterhansi/defender, `defender.sh`).
 */
function parseImageId(given: string): GivenImage | undefined {
  const id = given.slice(0, MAX_ID_CHARACTERS);
  const [, path, pathDigest] = /(?:^|\/)repositories\/(.+)\/images\/(sha256:[0-9a-f]{64})/i.exec(id) ?? [];
  if (path !== undefined && pathDigest !== undefined) return { repository: path, digest: pathDigest };
  const [, dashed, digest] = /repositories-(.+)-images-(sha256:[0-9a-f]{64})/i.exec(id) ?? [];
  return dashed === undefined || digest === undefined ? undefined : { repository: dashed, digest, isDashed: true };
}

/** Do the details of a resource say that it is a container image, even if nothing names the image? */
export function isOfContainerImage(resourceDetails: unknown): boolean {
  return /containerimage/i.test(textOf(pick(resourceDetails, 'resourceType')));
}

/** Writes a repository's name as an id in the dashed form does. */
export function dashed(repository: string): string {
  return repository.replaceAll('/', '-');
}

/** Can this be the name of the image's repository? */
export function mayBeIn({ repository, isDashed }: NamedImage, name: string): boolean {
  return isDashed === true ? dashed(name) === repository : name === repository;
}

/** All repository names that a dashed name can mean: the literal one first, then those with the fewest slashes. */
export function repositoriesFor({ repository, isDashed }: NamedImage): readonly string[] {
  if (isDashed !== true) return [repository];
  const readings = [{ name: repository, from: 0 }];
  // Each reading turns one more dash into a slash, always to the right of the last one.
  for (const { name, from } of readings) {
    for (let dash = name.indexOf('-', from); dash !== -1; dash = name.indexOf('-', dash + 1)) {
      if (readings.length >= MAX_READINGS) break;
      readings.push({ name: `${name.slice(0, dash)}/${name.slice(dash + 1)}`, from: dash + 1 });
    }
  }
  return readings.map(({ name }) => name).filter((name) => v.is(repositoryName, name));
}
