// The stacks of a local cloud, by name.
import type { Graph } from './graph.ts';

export interface StacksOf<Stack> {
  /** Deploys a graph to the stack: replaces code, settings, rules and permissions, and keeps the data. */
  deploy(name: string, graph: Graph): Promise<void>;
  /** @throws Error if no stack with this name was deployed */
  find(name: string): Stack;
  all(): readonly Stack[];
  stop(): Promise<void>;
}

/**
 * Keeps stacks by name.
 *
 * @param deploy deploys a graph; it receives the stack's previous deployment, if any
 * @param stop stops what a stack runs
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
      throw new Error(`no stack "${name}" was deployed; there are ${[...stacks.keys()].join(', ')}`);
    },
    all: () => [...stacks.values()],
    async stop() {
      await Promise.all([...stacks.values()].map(stop));
    },
  };
}
