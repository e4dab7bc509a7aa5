// Resource Manager ids: the registry in an id, its key, and the name at the end of an id.
import * as v from 'valibot';
import { required } from '../../shared/runtime/problem.ts';

/** The parts of a registry's Resource Manager id. Case does not matter, so compare two ids by their `keyOf`. */
export interface RegistryId {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/**
 * A resource group's name may contain letters of any script. In the id of an image, a dashed suffix may follow the
 * registry's name: `registries/NAME-repositories-...`.
 */
const REGISTRY_ID =
  /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([-\p{L}\p{N}_.()]{1,90})\/providers\/Microsoft\.ContainerRegistry\/registries\/([a-z0-9-]{5,63}?)((\/|-repositories-).*)?$/iu;

/** The registry that a resource's id names, or that contains the resource. */
export function registryIn(id: string): RegistryId | undefined {
  const [, subscription, resourceGroup, name] = REGISTRY_ID.exec(id) ?? [];
  if (subscription === undefined || resourceGroup === undefined || name === undefined) return undefined;
  return { subscription, resourceGroup, name };
}

const REGISTRY =
  'the id of a registry: /subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME';

/** The id of a registry, and of nothing in it. */
export const registryId = required(
  v.pipe(
    v.string(REGISTRY),
    v.rawTransform(({ dataset, addIssue, NEVER }): RegistryId => {
      const id = registryIn(dataset.value);
      if (id !== undefined && dataset.value.endsWith(`/${id.name}`)) return id;
      addIssue({ message: REGISTRY });
      return NEVER;
    }),
  ),
);

/** A key that is the same for all ids of one registry. */
export function keyOf(id: RegistryId | undefined): string | undefined {
  return id === undefined ? undefined : `${id.subscription}/${id.resourceGroup}/${id.name}`.toLowerCase();
}

/**
 * The last part of an id, in lower case: the name of a registry, which is unique in Azure, or of an assessment, which
 * is unique only together with its image.
 */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1).toLowerCase();
}
