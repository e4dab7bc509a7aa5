// Every role assignment and action of the Azure stack is necessary: without any one of them, the same story fails and
// reports why.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { MAIL_ACTIONS } from '../../azure/component/mail.ts';
import { GATEKEEPER } from '../../azure/component/roles.ts';
import type { Graph, GraphResource } from '../../local/graph.ts';
import { type Config, graphFor, REGISTRY, type Stage, stage, type World, without } from '../e2e/azure/stage.ts';
import { withoutAction } from './azure-actions.ts';

const ASSIGNMENT = 'azure-native:authorization:RoleAssignment';
const ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;

interface Step {
  readonly act: (s: Stage) => Promise<void>;
  /** The expected state after the step. */
  readonly wanted: World;
}

/** A story that uses every permission of a stack. */
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
        notified: ['closed team/app:v1'],
        poison: [],
      },
    },
    'proof opens, and an impossible message goes to the poison queue': {
      async act(s) {
        s.send({ pullgate: 'nothing' });
        await s.setStatus(ids, 'Healthy');
      },
      wanted: {
        locked: [],
        records: { 'team/app:v1': 'open' },
        notified: ['closed team/app:v1', 'opened team/app:v1'],
        poison,
      },
    },
    'a sweep closes after a lost event': {
      async act(s) {
        const found = s.cloud.faults.addToBus({ kind: 'lose' });
        await s.report(s.push('v2'));
        found();
        await s.sweep();
      },
      wanted: {
        locked: ['team/app:v2 readEnabled'],
        records: { 'team/app:v1': 'open', 'team/app:v2': 'closed' },
        notified: ['closed team/app:v1', 'opened team/app:v1', 'closed team/app:v2'],
        poison,
      },
    },
  };
}

/** The step at which the story fails with a changed graph, or `the end`, and all reported errors. */
async function notified(
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
      ...s.lines('decision').flatMap(({ problem }) => problem ?? []),
    ].join('\n');
  for (const [name, { act, wanted }] of Object.entries(story())) {
    await act(s);
    if (!isDeepStrictEqual(await s.world(), wanted)) return { endsAt: name, said: said() };
  }
  return { endsAt: 'the end', said: said() };
}

const endOf = ({ name }: GraphResource) => name.replace(/^pullgate-(.+)-role$/, '$1');
const withoutRole = (end: string) => without((one) => one.type === ASSIGNMENT && endOf(one) === end);

/** Each assignment of a stack, the step at which the story fails without it, and the reported error. */
const ROLES: readonly (readonly [end: string, endsAt: string, said: RegExp])[] = [
  ['events', 'an event closes', /^Put_message: POST \S+\/messages\S+ answered 403/],
  ['findings', 'an event closes', /^RestError: .+\(api\.loganalytics\.io answers 403/],
  ['host', 'the deployment', /the host keeps its leases in its own storage account, as Storage Blob Data Owner of it/],
  ['log', 'the deployment', /its log goes nowhere/],
  ['mail', 'an event closes', /Microsoft\.Communication\/CommunicationServices\/Read/],
  ['poison', 'the deployment', /reads pullgate-poison, as Storage Queue Data Contributor of it/],
  ['queue', 'the deployment', /reads pullgate, as Storage Queue Data Contributor of it/],
  ['records', 'an event closes', /tableServices\/tables\/entities\/read/],
  ['registry-acmeimages', 'an event closes', /Microsoft\.ContainerRegistry\/registries\/read/],
];

describe('role assignments', () => {
  test.each(['rbac', 'abac'] as const)('let the story reach its end (%s)', async (registryRoles) => {
    const options = registryRoles === 'abac' ? ABAC : {};
    expect(await notified((graph) => graph, { azure: { registryRoles } }, options)).toMatchObject({
      endsAt: 'the end',
    });
  });

  test('are the listed ones in both role modes, and only the gatekeeper role is assigned on a registry', async () => {
    for (const registryRoles of ['rbac', 'abac'] as const) {
      const { resources } = await graphFor({ azure: { registryRoles } });
      const assignments = resources.filter(({ type }) => type === ASSIGNMENT);
      expect(assignments.map(endOf).toSorted()).toEqual(ROLES.map(([end]) => end));
      const gatekeeper = resources.find(({ name }) => name === 'pullgate-gatekeeper');
      const onRegistry = assignments.filter(({ inputs }) => inputs['scope'] === REGISTRY);
      expect(onRegistry.map(({ inputs }) => inputs['roleDefinitionId'])).toEqual([gatekeeper?.id]);
    }
  });

  test.each(ROLES)('are necessary: without %s, the story fails at: %s', async (end, endsAt, said) => {
    const ends = await notified(withoutRole(end));
    expect(ends.endsAt).toBe(endsAt);
    expect(ends.said).toMatch(said);
  });
});

describe('actions of the custom roles', () => {
  test.each(MAIL_ACTIONS)('are necessary: without %s, no notice is sent', async (action) => {
    expect(await notified(withoutAction('pullgate-mail-sender', action))).toMatchObject({ endsAt: 'an event closes' });
  });

  /** Each action of the gatekeeper role, the step at which the story fails without it, and the reported error. */
  const ACTIONS: readonly (readonly ['rbac' | 'abac', string, string, RegExp])[] = [
    ['rbac', 'read', 'an event closes', /'Microsoft\.ContainerRegistry\/registries\/read' over scope/],
    ['rbac', 'pull/read', 'an event closes', /acmeimages\.azurecr\.io answers 401: .+ lacks a role there/],
    // A principal that may pull may also read metadata, as documented.
    ['rbac', 'metadata/read', 'the end', /^\npullgate is "nothing": [^\n]+$/],
    ['rbac', 'metadata/write', 'an event closes', /the function's identity needs its role 'pullgate gatekeeper'/],
    ['abac', 'read', 'an event closes', /'Microsoft\.ContainerRegistry\/registries\/read' over scope/],
    [
      'abac',
      'repositories/metadata/read',
      'an event closes',
      /acmeimages\.azurecr\.io answers 401: .+ lacks a role there/,
    ],
    [
      'abac',
      'repositories/metadata/write',
      'an event closes',
      /the function's identity needs its role 'pullgate gatekeeper'/,
    ],
  ];

  test('of the gatekeeper are the listed ones', () => {
    const all = (['rbac', 'abac'] as const).flatMap((mode) => {
      const { actions, dataActions } = GATEKEEPER[mode];
      return [...actions, ...dataActions].map((action) => [mode, action]);
    });
    expect(all).toEqual(ACTIONS.map(([mode, end]) => [mode, `Microsoft.ContainerRegistry/registries/${end}`]));
  });

  test.each(ACTIONS)(
    'are necessary: in the mode %s, without registries/%s, the story fails at: %s',
    async (registryRoles, end, endsAt, said) => {
      const change = withoutAction('pullgate-gatekeeper', `Microsoft.ContainerRegistry/registries/${end}`);
      const ends = await notified(change, { azure: { registryRoles } }, registryRoles === 'abac' ? ABAC : {});
      expect(ends.endsAt).toBe(endsAt);
      expect(ends.said).toMatch(said);
    },
  );
});
