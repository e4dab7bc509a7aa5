// Which images are children of a tagged index, read from a registry that counts its calls.
import type { ArtifactManifestProperties, ContainerRegistryClient } from '@azure/container-registry';
import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import { createImages } from '../../../azure/function/images.ts';
import { digest } from '../../shared/samples.ts';

interface Stored {
  readonly tags?: readonly string[];
  readonly children?: readonly string[];
  /** The registry does not say when it was pushed. */
  readonly isUndated?: boolean;
}

/** Images of one repository, by digest. An image with children is an index. */
function stage(stored: Record<string, Stored>) {
  const asked: string[] = [];
  let now = Date.parse('2026-06-15T12:00:00.000Z');
  const propertiesOf = (one: string): ArtifactManifestProperties => {
    const { tags = [], children, isUndated = false } = stored[one] ?? {};
    const platform = children === undefined ? { architecture: 'amd64', operatingSystem: 'linux' } : {};
    const related = (children ?? []).map((child) => ({ digest: child }));
    return {
      digest: one,
      tags: [...tags],
      relatedArtifacts: related,
      ...(isUndated ? {} : { createdOn: new Date('2026-06-15T12:00:00.000Z') }),
      ...platform,
    } as unknown as ArtifactManifestProperties;
  };
  const client = {
    getArtifact: (_repository: string, one: string) => ({
      async getManifestProperties() {
        asked.push(one);
        if (stored[one] === undefined) throw new RestError('not found', { statusCode: 404 });
        return propertiesOf(one);
      },
    }),
    getRepository: () => ({
      async *listManifestProperties() {
        for (const one of Object.keys(stored)) yield propertiesOf(one);
      },
    }),
  };
  const images = createImages(client as unknown as ContainerRegistryClient, () => new Date(now).toISOString());
  return {
    images,
    asked,
    stored,
    advance(milliseconds: number) {
      now += milliseconds;
    },
    children: async () => images.childrenOfTagged('team/app', await images.describeAll('team/app')),
  };
}

it('an image without the time of its push is there', async () => {
  const { images } = stage({ [digest(1)]: { tags: ['v1'], isUndated: true }, [digest(2)]: {} });
  expect(await images.describe('team/app', digest(1))).toMatchObject({ tags: ['v1'], pushedAt: undefined });
  const all = await images.describeAll('team/app');
  expect([...all.values()].map(({ pushedAt }) => pushedAt)).toEqual([undefined, '2026-06-15T12:00:00.000Z']);
});

const [INDEX, CHILD, NESTED, GRANDCHILD] = [digest(1), digest(2), digest(3), digest(4)];

describe('the children of tagged indexes', () => {
  it('are read once per process, because an index never changes', async () => {
    const { children, asked } = stage({ [INDEX]: { tags: ['v1'], children: [CHILD] }, [CHILD]: {} });
    expect(await children()).toEqual(new Set([CHILD]));
    expect(await children()).toEqual(new Set([CHILD]));
    expect(asked).toEqual([INDEX]);
  });

  it('include those of an index that is tagged later', async () => {
    const { children, asked, stored } = stage({ [INDEX]: { children: [CHILD] }, [CHILD]: {} });
    expect(await children()).toEqual(new Set());
    expect(asked).toEqual([]);
    stored[INDEX] = { tags: ['v1'], children: [CHILD] };
    expect(await children()).toEqual(new Set([CHILD]));
  });

  it('no longer include those of an index whose tag is removed', async () => {
    const { children, stored } = stage({ [INDEX]: { tags: ['v1'], children: [CHILD] }, [CHILD]: {} });
    await children();
    stored[INDEX] = { children: [CHILD] };
    expect(await children()).toEqual(new Set());
  });

  it('are found through another index, and each index is read once', async () => {
    const { children, asked } = stage({
      [INDEX]: { tags: ['v1'], children: [NESTED, CHILD] },
      [NESTED]: { children: [GRANDCHILD, CHILD] },
      [CHILD]: {},
      [GRANDCHILD]: {},
    });
    for (let times = 0; times < 2; times++) expect(await children()).toEqual(new Set([NESTED, CHILD, GRANDCHILD]));
    expect(asked).toEqual([INDEX, NESTED]);
  });

  it('of a deleted index are read again, because it may be pushed again', async () => {
    const { images, asked, stored } = stage({ [INDEX]: { tags: ['v1'], children: [CHILD] }, [CHILD]: {} });
    const seen = await images.describeAll('team/app');
    delete stored[INDEX];
    expect(await images.childrenOfTagged('team/app', seen)).toEqual(new Set());
    stored[INDEX] = { tags: ['v1'], children: [CHILD] };
    expect(await images.childrenOfTagged('team/app', seen)).toEqual(new Set([CHILD]));
    expect(asked).toEqual([INDEX, INDEX]);
  });

  it('stay known for a minute', async () => {
    const { images, children, advance } = stage({ [INDEX]: { tags: ['v1'], children: [CHILD] }, [CHILD]: {} });
    expect(images.isKnownChild('team/app', CHILD)).toBe(false);
    await children();
    expect(images.isKnownChild('team/app', CHILD)).toBe(true);
    expect(images.isKnownChild('team/app', INDEX)).toBe(false);
    expect(images.isKnownChild('team/other', CHILD)).toBe(false);
    advance(60_000);
    expect(images.isKnownChild('team/app', CHILD)).toBe(false);
  });
});
