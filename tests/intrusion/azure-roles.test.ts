// Each role of the Azure side is needed: without any one of them the same story ends early, and says where.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { MAIL_ACTIONS } from '../../azure/gate-mail.ts';
import type { Graph, GraphResource } from '../../local/graph.ts';
import { type Config, graphFor, REGISTRY, type Stage, stage, type World, without } from '../e2e/azure/stage.ts';

const ASSIGNMENT = 'azure-native:authorization:RoleAssignment';
const DEFINITION = 'azure-native:authorization:RoleDefinition';
const ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;

interface Step {
  readonly act: (s: Stage) => Promise<void>;
  /** What the world is then. */
  readonly wanted: World;
}

/** Uses everything that a stack does. */
function story(): Readonly<Record<string, Step>> {
  let ids: readonly string[] = [];
  const poison = [{ pullgate: 'nothing' }];
  return {
    'an event closes': {
      async act(s) {
        ({ ids } = await s.close('v1'));
      },
      wanted: {
        locked: ['team/app:v1 readEnabled'],
        records: { 'team/app:v1': 'closed' },
        told: ['closed team/app:v1'],
        poison: [],
      },
    },
    'proof opens, and what can never succeed is buried': {
      async act(s) {
        s.send({ pullgate: 'nothing' });
        await s.setStatus(ids, 'Healthy');
      },
      wanted: {
        locked: [],
        records: { 'team/app:v1': 'open' },
        told: ['closed team/app:v1', 'opened team/app:v1'],
        poison,
      },
    },
    'a sweep closes what an event had lost': {
      async act(s) {
        const found = s.cloud.faults.addToBus({ kind: 'lose' });
        await s.report(s.push('v2'));
        found();
        await s.sweep();
      },
      wanted: {
        locked: ['team/app:v2 readEnabled'],
        records: { 'team/app:v1': 'open', 'team/app:v2': 'closed' },
        told: ['closed team/app:v1', 'opened team/app:v1', 'closed team/app:v2'],
        poison,
      },
    },
  };
}

/** Where the story ends in a changed graph, `the end` where it does not, and everything that was said of what failed. */
async function told(
  change: (graph: Graph) => Graph,
  config: Config = {},
  options: Parameters<typeof stage>[1] = {},
): Promise<{ readonly endsAt: string; readonly said: string }> {
  const s = await stage(config, { ...options, change }).catch((error: Error) => error.message);
  if (typeof s === 'string') return { endsAt: 'the deployment', said: s };
  const said = () =>
    [
      ...s.cloud.logicApp.runs.flatMap(({ error }) => error ?? []),
      ...['failed', 'refused'].flatMap((kind) => s.lines(kind)).flatMap(({ error, problem }) => [error, problem]),
    ].join('\n');
  for (const [name, { act, wanted }] of Object.entries(story())) {
    await act(s);
    if (!isDeepStrictEqual(await s.world(), wanted)) return { endsAt: name, said: said() };
  }
  return { endsAt: 'the end', said: said() };
}

const endOf = ({ name }: GraphResource) => name.replace(/^pullgate-(.+)-role$/, '$1');
const withoutRole = (end: string) => without((one) => one.type === ASSIGNMENT && endOf(one) === end);

/** Each assignment of a stack, where the story ends without it, and what is said then. */
const ROLES: readonly (readonly [end: string, endsAt: string, said: RegExp])[] = [
  ['events', 'an event closes', /^Put_message: POST \S+\/messages answered 403/],
  ['findings', 'an event closes', /^RestError: .+\(api\.loganalytics\.io answers 403/],
  ['gate-acmeimages', 'an event closes', /the function's identity (needs its role 'pullgate gatekeeper'|lacks a role)/],
  ['host', 'the deployment', /the host keeps its leases in its own storage account, as Storage Blob Data Owner of it/],
  ['log', 'the deployment', /its log goes nowhere/],
  ['mail', 'an event closes', /Microsoft\.Communication\/CommunicationServices\/Read/],
  ['poison', 'the deployment', /reads pullgate-poison, as Storage Queue Data Contributor of it/],
  ['queue', 'the deployment', /reads pullgate, as Storage Queue Data Contributor of it/],
  ['reader-acmeimages', 'an event closes', /Microsoft\.ContainerRegistry\/registries\/read/],
  ['records', 'an event closes', /tableServices\/tables\/entities\/read/],
];

describe('role assignments', () => {
  test('with all of them the story comes to its end', async () => {
    expect(await told((graph) => graph)).toMatchObject({ endsAt: 'the end' });
    expect(await told((graph) => graph, { azure: { registryRoles: 'abac' } }, ABAC)).toMatchObject({
      endsAt: 'the end',
    });
  });

  test('are these, and the two role modes differ in one role only', async () => {
    const [rbac, abac] = await Promise.all(
      (['rbac', 'abac'] as const).map(async (registryRoles) => {
        const { resources } = await graphFor({ azure: { registryRoles } });
        const assignments = resources.filter(({ type }) => type === ASSIGNMENT);
        return Object.fromEntries(assignments.map((one) => [endOf(one), one.inputs]));
      }),
    );
    expect(Object.keys(rbac ?? {}).toSorted()).toEqual(ROLES.map(([end]) => end));
    expect(Object.keys(abac ?? {})).toEqual(Object.keys(rbac ?? {}));
    const different = Object.keys(rbac ?? {}).filter((end) => !isDeepStrictEqual(rbac?.[end], abac?.[end]));
    expect(different).toEqual(['gate-acmeimages']);
  });

  test.each(ROLES)('without %s the story ends at: %s', async (end, endsAt, said) => {
    const ends = await told(withoutRole(end));
    expect(ends.endsAt).toBe(endsAt);
    expect(ends.said).toMatch(said);
  });

  test('without gate-acmeimages it does not begin in a registry of the role mode abac either', async () => {
    const ends = await told(withoutRole('gate-acmeimages'), { azure: { registryRoles: 'abac' } }, ABAC);
    expect(ends.endsAt).toBe('an event closes');
    expect(ends.said).toMatch(/acmeimages\.azurecr\.io answers 401: the function's identity lacks a role there/);
  });
});

/** The graph with one action less in a role of the stack's own. */
function withoutAction(definition: string, action: string): (graph: Graph) => Graph {
  return (graph) => ({
    ...graph,
    resources: graph.resources.map((resource) => {
      if (resource.type !== DEFINITION || resource.name !== definition) return resource;
      const permissions = [resource.outputs['permissions']].flat() as readonly {
        readonly actions: readonly string[];
      }[];
      const less = permissions.map((one) => ({ ...one, actions: one.actions.filter((each) => each !== action) }));
      if (isDeepStrictEqual(permissions, less)) throw new Error(`${definition} has no action ${action}`);
      return {
        ...resource,
        inputs: { ...resource.inputs, permissions: less },
        outputs: { ...resource.outputs, permissions: less },
      };
    }),
  });
}

/** The graph with a role of just one action in the place of Reader, whose actions would stand in for those of the gatekeeper. */
function withNarrowReader(graph: Graph): Graph {
  const definition = graph.resources.find(({ type }) => type === DEFINITION);
  if (definition === undefined) throw new Error('the graph has no role of its own');
  const id = '/providers/Microsoft.Authorization/roleDefinitions/70000000-0000-4000-8000-000000000007';
  const permissions = [{ actions: ['Microsoft.ContainerRegistry/registries/read'], dataActions: [] }];
  const fields = { roleName: 'registry describer', permissions };
  return {
    ...graph,
    resources: [
      ...graph.resources.map((one) =>
        one.type === ASSIGNMENT && endOf(one) === 'reader-acmeimages'
          ? {
              ...one,
              inputs: { ...one.inputs, roleDefinitionId: id },
              outputs: { ...one.outputs, roleDefinitionId: id },
            }
          : one,
      ),
      { ...definition, name: 'describer', urn: `${definition.urn}-describer`, id, inputs: fields, outputs: fields },
    ],
  };
}

describe('actions of the roles that are the own of the stack', () => {
  test.each(MAIL_ACTIONS)('without %s nobody is told', async (action) => {
    expect(await told(withoutAction('pullgate-mail-sender', action))).toMatchObject({ endsAt: 'an event closes' });
  });

  // Reading attributes is documented for who may pull, too: metadata/read is what the reference of permissions names for it.
  test.each([
    ['registries/pull/read', 'an event closes'],
    ['registries/metadata/read', 'the end'],
    ['registries/metadata/write', 'an event closes'],
  ])(
    'without %s, and without all that Reader has beside registries/read, the story ends at: %s',
    async (end, endsAt) => {
      const change = withoutAction('pullgate-gatekeeper', `Microsoft.ContainerRegistry/${end}`);
      expect(await told((graph) => withNarrowReader(change(graph)))).toMatchObject({ endsAt });
    },
  );
});
