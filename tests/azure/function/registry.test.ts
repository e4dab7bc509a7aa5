// Which images count as tagged, and which calls that takes.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { expect, it } from 'vitest';
import type { Scanner } from '../../../azure/function/findings.ts';
import { createRegistry } from '../../../azure/function/registry.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { digest, NOW } from '../../shared/samples.ts';
import { REGISTRY_ID } from './samples.ts';

/** The index contains the child. The last image has no tag and is in no index. */
const INDEX = { digest: digest(1), tags: ['1.0'], relatedArtifacts: [{ digest: digest(2) }] };
const CHILD = { digest: digest(2), tags: [], relatedArtifacts: [], architecture: 'amd64' };
const UNTAGGED = { digest: digest(3), tags: [], relatedArtifacts: [], architecture: 'amd64' };
const IMAGES = [INDEX, CHILD, UNTAGGED];

function stage(images: Policy['images']) {
  let listings = 0;
  const client = {
    getArtifact: (_repository: string, one: string) => ({
      getManifestProperties: async () => IMAGES.find((image) => image.digest === one),
    }),
    getRepository: () => ({
      async *listManifestProperties() {
        listings++;
        yield* IMAGES;
      },
    }),
  };
  const registry = createRegistry({
    resolved: { kind: 'resolved', id: REGISTRY_ID, name: 'myacr', loginServer: 'myacr.azurecr.io', problem: undefined },
    client: client as unknown as ContainerRegistryClient,
    scanner: { reportsOf: async () => new Map() } as unknown as Scanner,
    imagesOf: () => images,
    now: () => NOW,
  });
  return { registry, listings: () => listings };
}

it.each<[Policy['images'], readonly boolean[], number]>([
  ['tagged', [true, true, false], 2],
  // As on AWS, the children are not looked up, because every image counts.
  ['all', [true, false, false], 0],
])('`images: %s`: tagged is %j, for %i listings of the repository', async (images, tagged, listings) => {
  const { registry, listings: listed } = stage(images);
  const scope = IMAGES.map((image) => image.digest);
  const observed = await registry.port().observe({ registry: REGISTRY_ID, repository: 'team/app' }, scope, []);
  expect(observed.map((image) => image.presence === 'present' && image.tagged)).toEqual(tagged);
  expect(listed()).toBe(listings);
});
