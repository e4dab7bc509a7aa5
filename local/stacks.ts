// The stacks of a local cloud, by their names.
import type { Graph } from './graph.ts';

export interface StacksOf<Stack> {
  /** Deploys a graph over what the stack has: new code, settings, rules and rights; the data stays. */
  deploy(name: string, graph: Graph): Promise<void>;
  /** @throws Error if no stack of this name was deployed */
  find(name: string): Stack;
  all(): readonly Stack[];
  stop(): Promise<void>;
}

/**
 * Keeps stacks by their names.
 *
 * @param deploy deploys a graph over what the stack has been before, if it has been
 * @param stop ends what a stack runs
 */
export function createStacksOf<Stack>(
  deploy: (name: string, graph: Graph, before: Stack | undefined) => Promise<Stack>,
  stop: (stack: Stack) => Promise<void>,
): StacksOf<Stack> {
  const stacks = new Map<string, Stack>();
  return {
    async deploy(name, graph) {
      stacks.set(name, await deploy(name, graph, stacks.get(name)));
    },
    find(name) {
      const found = stacks.get(name);
      if (found !== undefined) return found;
      throw new Error(`no stack ${name} was deployed; there is ${[...stacks.keys()].join(', ')}`);
    },
    all: () => [...stacks.values()],
    async stop() {
      await Promise.all([...stacks.values()].map(stop));
    },
  };
}
