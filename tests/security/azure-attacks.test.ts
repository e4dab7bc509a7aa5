// The limits of an attacker with a leaked Logic App address, access to the queue, or false rows in the workspace.
import { expect, test } from 'vitest';
import { all, list } from '../../local/azure/resources-fields.ts';
import type { Json, Row } from '../../local/azure/tables.ts';
import type { RunningWorkspace } from '../../local/azure/workspace.ts';
import { DAY, type Image, MINUTE, REGISTRY, registryId, type Stage, stage, type World } from '../e2e/azure/stage.ts';

const SECOND = registryId('acmeimages2');
const FOREIGN = registryId('foreignimages');
/** Registries with the same name elsewhere: names are unique only within a domain name label scope. */
const NEIGHBOUR = REGISTRY.replace('/resourceGroups/images/', '/resourceGroups/others/');
const TWIN = REGISTRY.replace('00000000-1111-2222-3333-444444444444', '99999999-1111-2222-3333-444444444444');

/** The targets of the attacks: an image that is rightly closed, and good images. */
interface Scene {
  readonly s: Stage;
  readonly closed: Image & { readonly ids: readonly string[] };
  readonly good: Image;
  /** A true row, but with the good image: unchanged, it would close that image. */
  readonly row: Row;
  readonly before: World;
}

async function scene(): Promise<Scene> {
  const s = await stage({ azure: { registries: [REGISTRY, SECOND] } }, { registries: { [SECOND]: {}, [FOREIGN]: {} } });
  s.cloud.acr.addRegistry(FOREIGN);
  const closed = await s.close('v1');
  const good = s.name(
    { ...closed, digest: s.registry.push('team/app', { tag: 'good', content: 'good' }) },
    'team/app:good',
  );
  for (const id of [SECOND, FOREIGN]) s.cloud.acr.registry(id).push('team/app', { tag: 'good', content: 'good' });
  s.registry.push('team/other', { tag: 'v9', content: 'of the other repository' });
  const [genuine] = s.cloud.workspace.rows('SecurityRecommendation');
  if (genuine === undefined) throw new Error('the workspace has no row of the closed image');
  const row = replaced(genuine, closed.digest, good.digest) as Row;
  return {
    s,
    closed,
    good,
    row: { ...row, RecommendationId: `${REGISTRY}${GOOD_ASSESSMENT}` },
    before: await s.world(),
  };
}
const GOOD_ASSESSMENT = '/providers/Microsoft.Security/assessments/11111111-2222-4333-8444-555555555555';

/** A value with one text replaced by another at any depth. */
function replaced(value: Json, from: string, to: string): Json {
  return JSON.parse(
    JSON.stringify(value).replaceAll(JSON.stringify(from).slice(1, -1), JSON.stringify(to).slice(1, -1)),
  );
}

/** Adds rows, as anyone with write access to the workspace can, and observes both images. */
async function plant({ s, closed, good }: Scene, rows: readonly Row[]): Promise<void> {
  s.cloud.clock.advance(MINUTE);
  const workspace = s.cloud.workspace as RunningWorkspace;
  for (const row of rows)
    workspace.ingest('SecurityRecommendation', { TimeGenerated: s.cloud.clock.now().getTime(), ...row });
  for (const { registry, repository, digest } of [closed, good])
    s.send({ pullgate: 'reconcile', registry, repository, digest, trigger: 'sweep' });
  await s.runUntilIdle();
}

/** Everything that pullgate has done, except for the messages in the poison queue. */
async function done({ s }: Scene): Promise<World> {
  return { ...(await s.world()), poison: [] };
}

/** Names that a path, a log line or a query might interpret. */
const NAMES = [
  '../team/app',
  'team/app/../../other',
  'team//app',
  '/team/app',
  'team/app/',
  'team/app%2f..%2fother',
  "team/app' or 1 == 1",
  'team\\app',
  'team/app"; SecurityRecommendation | take 1 //',
  'team/app\n',
  'team/app\u0000',
];

/** The row with another repository name, in each field that contains it. */
function named(row: Row, name: string): Row {
  const { Properties } = row as { readonly Properties: { readonly [key: string]: Json } };
  const details = Properties['resourceDetails'] as { readonly [key: string]: Json };
  return {
    ...row,
    Properties: {
      ...(replaced(Properties, 'team/app', name) as object),
      resourceDetails: { ...details, Id: String(details['Id']).replace('team/app', name) },
    },
  };
}

/** The row's package and CVE with changed details. */
function detailed(row: Row, changes: { readonly [key: string]: Json }, cve: { readonly [key: string]: Json }): Row {
  const details = row['RecommendationAdditionalData'] as { readonly [key: string]: Json };
  const [first] = details['CvesDetails'] as readonly { readonly [key: string]: Json }[];
  return { ...row, RecommendationAdditionalData: { ...details, CvesDetails: [{ ...first, ...cve }], ...changes } };
}

/** False rows, each one change away from a true one. None of them closes the good image or opens the closed one. */
const ROWS: Readonly<Record<string, (at: Scene) => readonly Row[]>> = {
  'of a registry that the stack does not have': ({ row }) => [replaced(row, REGISTRY, FOREIGN) as Row],
  'of a registry of the same name elsewhere': ({ row }) =>
    [TWIN, NEIGHBOUR].map((other) => replaced(row, REGISTRY, other) as Row),
  'of an image that only another repository has': ({ s, row, good }) => {
    const [digest = ''] = s.registry.repositories.get('team/other')?.manifests.keys() ?? [];
    return [replaced(row, good.digest, digest) as Row];
  },
  'of a repository whose name is a path, a log line or a query': ({ row }) => NAMES.map((name) => named(row, name)),
  'of an invalid severity': ({ row }) =>
    ['Critical!', '', ' critical ', '\u0000', null, 10, ['Critical'], { Critical: 'Critical' }].map((Severity) =>
      detailed(
        {
          ...row,
          RecommendationSeverity: typeof Severity === 'string' ? Severity : JSON.stringify(Severity),
          Properties: { ...(row['Properties'] as object), metadata: { severity: Severity } },
        },
        {},
        { Severity, Cvss: [] },
      ),
    ),
  'of an invalid digest': ({ row, good }) =>
    [good.digest.slice(0, -1), good.digest.replace(':', ''), `md5:${good.digest.slice(7)}`, ''].map(
      (digest) => replaced(row, good.digest, digest) as Row,
    ),
  'that names no registry and says healthy': ({ s, closed }) => {
    const well = replaced(healthy(s, closed), REGISTRY, '/subscriptions/00000000-1111-2222-3333-444444444444') as Row;
    return [well, { ...well, RecommendationState: 'NotApplicable' }];
  },
  'of an image in another cloud': ({ row, good }) => {
    const details = { Source: 'Aws', ResourceType: '.containerimage' };
    const additional = { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: good.digest };
    const Properties: Json = { resourceDetails: details, resourceAdditionalData: additional };
    return [{ ...row, RecommendationId: 'aws', AssessedResourceId: '/aws/ecr', Properties }];
  },
  'that says healthy about an image of another registry': ({ s, closed }) => {
    const well = healthy(s, closed);
    return [FOREIGN, SECOND, TWIN, NEIGHBOUR].map((other) => replaced(well, REGISTRY, other) as Row);
  },
  'that says healthy about another image, or in another assessment': ({ s, closed, good }) => {
    const well = healthy(s, closed);
    return [
      replaced(well, closed.digest, good.digest) as Row,
      named(well, 'team/other'),
      { ...well, RecommendationId: `${REGISTRY}${GOOD_ASSESSMENT}` },
    ];
  },
  'that says healthy, from before the closing': ({ s, closed }) => [
    { ...healthy(s, closed), TimeGenerated: s.cloud.clock.now().getTime() - DAY },
  ],
  ...Object.fromEntries(
    ['healthy!', 'Resolved', '', 'NotApplicable'].map((RecommendationState) => [
      `of the state ${RecommendationState}`,
      ({ s, closed }: Scene) => [{ ...healthy(s, closed), RecommendationState }],
    ]),
  ),
  'with every key twice, in different case': ({ s, closed }) => {
    const well = healthy(s, closed);
    const { Properties } = well as { readonly Properties: { readonly [key: string]: Json } };
    return [
      {
        ...well,
        RecommendationState: 'NotApplicable',
        Properties: { Status: { Cause: 'OffByPolicy' }, ...Properties, STATUS: { cause: 'Exempt' } },
      },
    ];
  },
};

/** The last row of the closed image, changed to healthy. */
function healthy(s: Stage, { ids: [id] }: Scene['closed']): Row {
  const rows = s.cloud.workspace.rows('SecurityRecommendation');
  const last = rows.findLast((row) => String(id).endsWith(`/${row['RecommendationId']}`));
  if (last === undefined) throw new Error('the workspace has no row of the closed image');
  const { TimeGenerated: _earlier, ...rest } = last;
  return { ...rest, RecommendationState: 'Healthy' };
}

/** Many reconciliations, one after the other. */
const SLOW_MACHINE_MILLISECONDS = 120_000;

test(
  'false rows close and open nothing, and the true row closes',
  async () => {
    const at = await scene();
    let assessments = 0;
    // Only the newest row of an assessment counts, so each row about the good image belongs to a separate assessment.
    const alone = (row: Row) => replaced(row, GOOD_ASSESSMENT, `${GOOD_ASSESSMENT}-${++assessments}`) as Row;
    for (const [what, rowsOf] of Object.entries(ROWS)) {
      await plant(at, rowsOf(at).map(alone));
      expect({ what, ...(await done(at)) }).toEqual({ what, ...at.before });
    }
    await at.s.sweep();
    expect(await done(at)).toEqual(at.before);
    await plant(at, [at.row]);
    expect((await done(at)).locked).toEqual(['team/app:good readEnabled', 'team/app:v1 readEnabled']);
  },
  SLOW_MACHINE_MILLISECONDS,
);

/** The secret address of the Logic App. */
function addressOf({ s }: Scene): string {
  const actions = all(s.graph, 'azure-native:security:Automation').flatMap((automation) => list(automation['actions']));
  return String(actions.find(({ actionType }) => actionType === 'LogicApp')?.['uri']);
}

/** An event about any image, in Defender's format. */
function eventOf(registry: string, repository: unknown, digest: unknown) {
  const resource = `${registry}/repositories/${repository}/images/${digest}`;
  return {
    id: `${registry}${GOOD_ASSESSMENT}`,
    properties: {
      resourceDetails: { id: resource },
      resourceAdditionalData: { repositoryDetails: { repositoryName: repository }, digest },
    },
    assessmentEventDataEnrichment: { action: 'Insert' },
  };
}

/** The calls of the function to services other than the queue and the table. */
function asked({ s }: Scene): readonly string[] {
  return Object.keys(s.cloud.calls.count(s.cloud.identity.id)).filter((call) => /^(arm|acr|logs|mail):/.test(call));
}

const KQL = 'team/app"; union (print RecommendationState = "Healthy") //';
const FLOOD = 500;

test('a caller of the Logic App can only cause observations in the stack’s own registries', async () => {
  const at = await scene();
  const { s, good, closed, before } = at;
  const url = addressOf(at);
  const post = async (body: unknown) => expect(await s.cloud.logicApp.call(url, body)).toBe(202);
  s.cloud.calls.reset();

  const odd: readonly unknown[] = [null, 7, '', 'text', [], [{ id: REGISTRY }], {}, { id: null }, { id: { id: {} } }];
  for (const body of odd) await post(body);
  for (const other of [FOREIGN, TWIN]) await post(eventOf(other, 'team/app', good.digest));
  for (let number = 0; number < FLOOD; number++)
    await post(eventOf(registryId(`flood${number}`), `team/app${number}`, good.digest));
  for (const name of [...NAMES, KQL, 'a/'.repeat(30_000), { $ne: '' }])
    await post(eventOf(REGISTRY, name, good.digest));
  for (const digest of [KQL, 'sha256:', good.digest.toUpperCase(), ['sha256:'], 'f'.repeat(200_000)])
    await post(eventOf(REGISTRY, 'team/app', digest));
  await s.runUntilIdle();
  expect(await done(at)).toEqual(before);
  expect(asked(at)).toEqual([]);

  // Well-formed events make the function observe, as often as a message is retried, and find that they are false.
  for (const image of [good, closed]) await post(eventOf(REGISTRY, image.repository, image.digest));
  await post({ ...eventOf(REGISTRY, 'team/app', closed.digest), assessmentEventDataEnrichment: { action: 'Delete' } });
  await s.runUntilIdle();
  await s.sweep();
  expect(await done(at)).toEqual(before);
  expect(s.calls('logs:Query')).toBeGreaterThan(0);
  // After two hours, these messages and the unreadable ones are in the poison queue, which has an alarm.
  const tired = (await s.world()).poison.filter((message) => Object(message).tries === 0);
  const digestOf = (message: unknown) => JSON.parse(Object(message).resourceAdditionalData).digest;
  expect(new Set(tired.map(digestOf))).toEqual(new Set([good.digest, closed.digest]));
  expect(tired).toHaveLength(2);
});

test('a sender to the queue can only cause observations', async () => {
  const at = await scene();
  const { s, good, closed, before } = at;
  s.cloud.calls.reset();
  const request = {
    pullgate: 'reconcile',
    registry: REGISTRY,
    repository: 'team/app',
    digest: closed.digest,
    trigger: 'sweep',
  };
  const refused: readonly unknown[] = [
    { pullgate: 'sweep' },
    { pullgate: 'tick' },
    { pullgate: 'open', ...closed },
    { ...request, trigger: 'open' },
    { ...request, registry: `${REGISTRY}/../otherimages` },
    { ...request, registry: REGISTRY.replace('acmeimages', '..') },
    { ...request, repository: '../team/app' },
    { ...request, digest: `${closed.digest}/../x` },
    { ...request, digest: 'latest' },
    { ...request, tries: -1 },
    { ...request, tries: 1e9 },
    { ...request, tries: 'NaN' },
  ];
  for (const message of refused) s.send(message);
  for (const registry of [FOREIGN, TWIN]) s.send({ ...request, registry });
  await s.runUntilIdle();
  expect(await done(at)).toEqual(before);
  expect(new Set((await s.world()).poison)).toEqual(new Set(refused));
  expect(asked(at)).toEqual([]);

  // Valid messages about false facts.
  for (const trigger of ['finding', 'scan', 'push', 'delete', 'sweep', 'tick', 'release']) {
    for (const { digest } of [good, closed]) s.send({ ...request, digest, trigger });
    s.send({ ...request, registry: SECOND, trigger });
    s.send({ ...request, repository: 'team/other', trigger });
    s.send({ pullgate: 'reconcile', registry: REGISTRY, repository: 'team/app', trigger });
    s.send({ pullgate: 'reconcile', registry: REGISTRY, repository: 'team/none', trigger });
  }
  await s.runUntilIdle();
  expect(await done(at)).toEqual(before);
});
