// The stacks of a local cloud, by name: a second deployment updates a stack, and each stack is stopped once.
import { expect, it } from 'vitest';
import type { Graph } from '../../local/graph.ts';
import { createStacksOf } from '../../local/stacks.ts';

/** Stacks that record the names of the deployed graphs. */
function stage() {
  const stopped: string[] = [];
  const stacks = createStacksOf<string>(
    async (name, graph, before) => {
      if (graph.resources.length === 0) throw new Error(`${name} has no resources`);
      return `${before ?? name}+${graph.resources.length}`;
    },
    async (stack) => void stopped.push(stack),
  );
  return { stacks, stopped };
}

/** A graph with this many resources. */
const graphOf = (resources: number) => ({ resources: Array(resources).fill({}), outputs: {} }) as unknown as Graph;

it('finds each stack by its name, and lists them in the order of their first deployments', async () => {
  const { stacks } = stage();
  await stacks.deploy('main', graphOf(1));
  await stacks.deploy('other', graphOf(2));
  expect([stacks.find('main'), stacks.find('other')]).toEqual(['main+1', 'other+2']);
  expect(stacks.all()).toEqual(['main+1', 'other+2']);
});

it('updates only the stack with that name', async () => {
  const { stacks } = stage();
  await stacks.deploy('main', graphOf(1));
  await stacks.deploy('other', graphOf(1));
  await stacks.deploy('main', graphOf(3));
  expect(stacks.all()).toEqual(['main+1+3', 'other+1']);
});

it('keeps a stack if its next deployment fails, and has no stack if the first one fails', async () => {
  const { stacks } = stage();
  await stacks.deploy('main', graphOf(1));
  await expect(stacks.deploy('main', graphOf(0))).rejects.toThrow('main has no resources');
  await expect(stacks.deploy('other', graphOf(0))).rejects.toThrow('other has no resources');
  expect(stacks.all()).toEqual(['main+1']);
});

it('names the existing stacks if one does not exist', async () => {
  const { stacks } = stage();
  await stacks.deploy('main', graphOf(1));
  await stacks.deploy('other', graphOf(1));
  expect(() => stacks.find('third')).toThrow('no stack "third" was deployed; there are main, other');
});

it('stops the current deployment of each stack once', async () => {
  const { stacks, stopped } = stage();
  await stacks.deploy('main', graphOf(1));
  await stacks.deploy('main', graphOf(2));
  await stacks.deploy('other', graphOf(1));
  await stacks.stop();
  expect(stopped.toSorted()).toEqual(['main+1+2', 'other+1']);
});
