// Images that no row places for certain: which ones the query finds, and the registries and repositories of the stack
// that contain them.
import { describe, expect, it } from 'vitest';
import { attribute, locateImage } from '../../../azure/function/attribution.ts';
import { type UnplacedImage, WINDOWS } from '../../../azure/function/findings.ts';
import type { NamedImage } from '../../../azure/function/named-image.ts';
import type { AzureRegistry } from '../../../azure/function/registry.ts';
import type { Json, Row } from '../../../local/azure/tables.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import {
  ASSESSMENT,
  DETAILS,
  DIGEST,
  GROUPED_REPOSITORY,
  groupedTableRow,
  imageProperties,
  individualTableRow,
  REGISTRY_ID,
  SUBSCRIPTION,
} from './samples.ts';
import { HOUR, MYACR, PTEBIC, scannerOver, workspaceOf } from './scanner.ts';

const OTHER = `sha256:${'b'.repeat(64)}`;
const IN_SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION}`;
const DASHED = `repositories-team-app-images-${DIGEST}`;
const TEAM_APP: NamedImage = { repository: 'team/app', digest: DIGEST };
const TEAM_APP_DASHED: NamedImage = { repository: 'team-app', digest: DIGEST, isDashed: true };

/** A row as Defender may write it: a bare assessment key, and an id that names the resource. */
function row(resource: string, id: string | undefined, changes: Row = {}): Row {
  const details = { Source: 'Azure', ResourceType: '.containerimage', ...(id === undefined ? {} : { Id: id }) };
  const properties: Json = { resourceDetails: details };
  return individualTableRow({
    RecommendationId: ASSESSMENT,
    AssessedResourceId: resource,
    Properties: properties,
    ...changes,
  });
}

async function unplacedIn(...rows: readonly Row[]): Promise<readonly UnplacedImage[]> {
  return scannerOver(workspaceOf({ SecurityRecommendation: rows })).scanner.unplacedImages();
}

describe('a row that does not place its image', () => {
  it.each<[string, Row, Omit<UnplacedImage, 'assessment' | 'registryHost'>]>([
    [
      'has a dashed id below its registry',
      row(REGISTRY_ID, `${REGISTRY_ID}/${DASHED}`),
      { registryName: 'myacr', image: TEAM_APP_DASHED },
    ],
    [
      'has a dashed id right after the name of its registry',
      row(IN_SUBSCRIPTION, `${REGISTRY_ID}-${DASHED}`),
      { registryName: 'myacr', image: TEAM_APP_DASHED },
    ],
    ['has a dashed id elsewhere', row(IN_SUBSCRIPTION, DASHED), { registryName: '', image: TEAM_APP_DASHED }],
    [
      'names its repository, but no registry',
      row(IN_SUBSCRIPTION, '', { Properties: imageProperties('team/app', DIGEST) }),
      { registryName: '', image: TEAM_APP },
    ],
    [
      'names its repository in text, but no registry',
      row(IN_SUBSCRIPTION, '', { Properties: JSON.stringify(imageProperties('team/app', DIGEST)) }),
      { registryName: '', image: TEAM_APP },
    ],
    [
      'names only a registry and CVEs: `Properties` is null',
      row(REGISTRY_ID, undefined, { Properties: null }),
      { registryName: 'myacr', image: undefined },
    ],
    ['only says that it is about an image', row(IN_SUBSCRIPTION, undefined), { registryName: '', image: undefined }],
    [
      'names an invalid repository',
      row(IN_SUBSCRIPTION, '', { Properties: imageProperties('Team App', DIGEST) }),
      { registryName: '', image: undefined },
    ],
  ])('%s', async (_name, given, image) => {
    expect(await unplacedIn(given, given)).toEqual([{ ...image, registryHost: '', assessment: ASSESSMENT }]);
  });

  it.each<[string, Row]>([
    ['places its image', individualTableRow()],
    ['is healthy', row(IN_SUBSCRIPTION, DASHED, { RecommendationState: 'Healthy' })],
    ['is exempt', row(IN_SUBSCRIPTION, DASHED, { RecommendationState: 'NotApplicable' })],
    [
      'is about a running resource with a digest',
      row(IN_SUBSCRIPTION, undefined, {
        Properties: { resourceDetails: { Source: 'Azure', ResourceType: 'pod' }, about: DIGEST },
      }),
    ],
    [
      'is about another cloud',
      row(IN_SUBSCRIPTION, DASHED, {
        Properties: { resourceDetails: { Source: 'Aws', ResourceType: '.containerimage', Id: DASHED } },
      }),
    ],
    [
      'is about a registry itself',
      row(REGISTRY_ID, REGISTRY_ID, { Properties: null, RecommendationAdditionalData: {} }),
    ],
    [
      'is about a machine',
      row(`${IN_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm`, undefined, {
        Properties: { resourceDetails: { Source: 'Azure', ResourceType: 'virtualmachine' } },
        RecommendationAdditionalData: DETAILS,
      }),
    ],
  ])('is not a row that %s', async (_name, given) => {
    expect(await unplacedIn(given)).toEqual([]);
  });

  it('is not a row of the grouped model', async () => {
    const { scanner } = scannerOver(workspaceOf({ SecurityNestedRecommendation: [groupedTableRow()] }));
    expect(await scanner.unplacedImages()).toEqual([]);
    expect(await scanner.repositoriesWithFindings(PTEBIC)).toEqual(new Set([GROUPED_REPOSITORY]));
  });

  it('is read for every registry and repository that may have its image', async () => {
    const rows = { SecurityRecommendation: [row(IN_SUBSCRIPTION, DASHED)] };
    const { scanner } = scannerOver(workspaceOf(rows));
    for (const [place, repository, digests] of [
      [MYACR, 'team/app', [DIGEST]],
      [MYACR, 'team-app', [DIGEST]],
      [PTEBIC, 'team/app', [DIGEST]],
      [MYACR, 'team/app-2', []],
      [MYACR, 'app', []],
    ] as const) {
      expect([
        ...(await scanner.reportsOf(place, { repository, digest: 'all', window: WINDOWS.event })).keys(),
      ]).toEqual(digests);
      expect([...(await scanner.digestsWithFindings(place, repository))]).toEqual(digests);
    }
  });

  it('no longer counts once its assessment is healthy', async () => {
    const earlier = row(IN_SUBSCRIPTION, DASHED);
    const later = { RecommendationState: 'Healthy', TimeGenerated: Number(earlier['TimeGenerated']) + HOUR };
    expect(await unplacedIn(earlier, row(IN_SUBSCRIPTION, DASHED, later))).toEqual([]);
  });

  it.each<[string, Row, Row, readonly string[]]>([
    [
      'Healthy, after a row that places the image: proves nothing',
      {},
      { RecommendationState: 'Healthy' },
      ['CVE-2026-0001'],
    ],
    [
      'Exempt, after a row that places the image: proves nothing',
      {},
      { RecommendationState: 'NotApplicable', Properties: { status: { cause: 'Exempt' } } },
      ['CVE-2026-0001'],
    ],
    [
      'Unhealthy, after a healthy row that places the image: counts',
      { RecommendationState: 'Healthy' },
      {},
      ['CVE-2026-0001'],
    ],
  ])('%s', async (_name, placed, unplacedChanges, vulnerabilities) => {
    const earlier = row(REGISTRY_ID, `${REGISTRY_ID}/repositories/team/app/images/${DIGEST}`, placed);
    const { Properties: { status } = {} as never, ...changes } = unplacedChanges as { Properties?: { status: Json } };
    const later = row(IN_SUBSCRIPTION, DASHED, { ...changes, TimeGenerated: Number(earlier['TimeGenerated']) + HOUR });
    const properties = { ...(later['Properties'] as object), ...(status === undefined ? {} : { status }) } as Json;
    const rows = { SecurityRecommendation: [earlier, { ...later, Properties: properties }] };
    const { scanner } = scannerOver(workspaceOf(rows));
    const reports = (
      await scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.everything })
    ).get(DIGEST);
    const found = findingsIn(reports === undefined ? {} : { reports });
    expect(found.map(({ vulnerability }) => vulnerability)).toEqual(vulnerabilities);
    expect(found.map(({ state }) => state)).toEqual(['active']);
  });
});

/** A registry with these images, and the number of calls to it. */
function registry(name: string, images: Readonly<Record<string, readonly string[]>> | Error) {
  const asked: string[] = [];
  const digestsIn = async (repository: string) => {
    asked.push(repository);
    if (images instanceof Error) throw images;
    return new Set(images[repository] ?? []);
  };
  const has = async (repository: string, digest: string) => (await digestsIn(repository)).has(digest);
  const resolved = { id: REGISTRY_ID.replace('myacr', name), name, loginServer: `${name}.azurecr.io` };
  return { asked, registry: { resolved, digestsIn, has } as unknown as AzureRegistry };
}

const unplaced = (image: NamedImage | undefined, assessment: string, registryName = ''): UnplacedImage => ({
  image,
  assessment,
  registryName,
  registryHost: '',
});
const NOTHING = { attributed: 0, gone: 0, unattributed: 0, unread: 0, assessments: [] };

describe('a sweep', () => {
  const here = () => registry('myacr', { 'team/app': [DIGEST], 'team-app': [OTHER] });
  const gate = (name: string, repository: string) => ({ registry: REGISTRY_ID.replace('myacr', name), repository });
  it.each<[string, readonly UnplacedImage[], readonly unknown[], object]>([
    ['has nothing to attribute', [], [], NOTHING],
    ['finds an image', [unplaced(TEAM_APP, 'a')], [gate('myacr', 'team/app')], { ...NOTHING, attributed: 1 }],
    [
      'finds images with a dashed name, each in its repository',
      [unplaced(TEAM_APP_DASHED, 'a'), unplaced({ ...TEAM_APP_DASHED, digest: OTHER }, 'b')],
      [gate('myacr', 'team-app'), gate('myacr', 'team/app')],
      { ...NOTHING, attributed: 2 },
    ],
    [
      'finds an image in the registry that its row names, in any case',
      [unplaced(TEAM_APP_DASHED, 'a', 'MyACR')],
      [gate('myacr', 'team/app')],
      { ...NOTHING, attributed: 1 },
    ],
    [
      'skips an image whose registry is named, but is not part of the stack',
      [unplaced(TEAM_APP, 'a', 'their')],
      [],
      NOTHING,
    ],
    [
      'counts images that no registry has, and rows that name no image, with their ids',
      [unplaced({ repository: 'team/none', digest: DIGEST }, 'a'), unplaced(undefined, 'b')],
      [],
      { ...NOTHING, unattributed: 2, assessments: ['a', 'b'] },
    ],
    [
      'counts an image as gone if it finds others',
      [unplaced(TEAM_APP, 'a'), unplaced({ repository: 'team/app', digest: OTHER }, 'b')],
      [gate('myacr', 'team/app')],
      { ...NOTHING, attributed: 1, gone: 1 },
    ],
    [
      'counts no image as gone if it finds none at all',
      [unplaced({ repository: 'team/app', digest: OTHER }, 'b')],
      [],
      { ...NOTHING, unattributed: 1, assessments: ['b'] },
    ],
    [
      'names at most five ids',
      Array.from({ length: 7 }, (_, number) => unplaced(undefined, `${number}`)),
      [],
      { ...NOTHING, unattributed: 7, assessments: ['0', '1', '2', '3', '4'] },
    ],
  ])('%s', async (_name, images, gates, counts) => {
    expect(await attribute(images, [here().registry])).toEqual({ gates, counts, failures: [] });
  });

  it('counts images as gone if rows place others', async () => {
    const images = [unplaced({ repository: 'team/app', digest: OTHER }, 'b')];
    expect((await attribute(images, [here().registry], true)).counts).toEqual({ ...NOTHING, gone: 1 });
  });

  it('lists at most 5,000 repositories, and counts the rest as unread', async () => {
    const one = here();
    const images = Array.from({ length: 5_002 }, (_, number) => `team/none-${number}`);
    const { counts } = await attribute(
      images.map((repository) => unplaced({ repository, digest: DIGEST }, repository)),
      [one.registry],
    );
    expect(one.asked).toHaveLength(5_000);
    expect(counts).toMatchObject({ unattributed: 5_000, unread: 2 });
  });

  it('counts every image as unread if it can read no registry', async () => {
    const { counts } = await attribute([unplaced(TEAM_APP, 'a')], []);
    expect(counts).toEqual({ ...NOTHING, unread: 1 });
  });

  it('finds an image in every registry that has it', async () => {
    const registries = [here().registry, registry('ptebic', { 'team/app': [DIGEST] }).registry];
    const { gates, counts } = await attribute([unplaced(TEAM_APP, 'a')], registries);
    expect(gates).toEqual([gate('myacr', 'team/app'), gate('ptebic', 'team/app')]);
    expect(counts).toEqual({ ...NOTHING, attributed: 1 });
  });

  it('lists each repository once, however many images it has', async () => {
    const one = here();
    const images = [DIGEST, OTHER].map((digest) => unplaced({ repository: 'team/app', digest }, digest));
    await attribute([...images, ...images], [one.registry]);
    expect(one.asked).toEqual(['team/app']);
  });

  it('finds what it can if a registry does not respond, and returns the error', async () => {
    const failure = new Error('blocked by the firewall');
    const registries = [here().registry, registry('ptebic', failure).registry];
    const images = [unplaced(TEAM_APP, 'a'), unplaced({ repository: 'team/none', digest: DIGEST }, 'b')];
    const { gates, counts, failures } = await attribute(images, registries);
    expect(gates).toEqual([gate('myacr', 'team/app')]);
    expect(counts).toEqual({ ...NOTHING, attributed: 1, unread: 2 });
    expect(new Set(failures)).toEqual(new Set([failure]));
  });
});

describe('an event', () => {
  const placesOf = async (image: NamedImage, ...registries: readonly AzureRegistry[]) => {
    const { locations, failures } = await locateImage(image, registries);
    return [
      locations.map(({ registry: { resolved }, repository }) => `${resolved.name}/${repository}`),
      failures.length,
    ];
  };
  const here = registry('myacr', { 'team/app': [DIGEST] }).registry;
  const there = registry('ptebic', { 'team/app': [DIGEST], 'team-app': [DIGEST] }).registry;
  const silent = registry('silent', new Error('no answer')).registry;

  it('is located in every registry and repository that has its image', async () => {
    expect(await placesOf(TEAM_APP, here, there)).toEqual([['myacr/team/app', 'ptebic/team/app'], 0]);
    expect(await placesOf(TEAM_APP_DASHED, here, there)).toEqual([
      ['myacr/team/app', 'ptebic/team-app', 'ptebic/team/app'],
      0,
    ]);
    expect(await placesOf({ ...TEAM_APP, digest: OTHER }, here, there)).toEqual([[], 0]);
  });

  it('returns the errors of registries that did not respond, even if another registry has the image', async () => {
    expect(await placesOf(TEAM_APP, silent, here)).toEqual([['myacr/team/app'], 1]);
    expect(await placesOf({ ...TEAM_APP, digest: OTHER }, silent, here)).toEqual([[], 1]);
  });
});
