// Removes one action from a custom role of a stack.
import { isDeepStrictEqual } from 'node:util';
import type { Graph } from '../../local/graph.ts';

const DEFINITION = 'azure-native:authorization:RoleDefinition';

interface Permission {
  readonly actions: readonly string[];
  readonly dataActions: readonly string[];
}

/** The graph without one action or data action of a role definition. */
export function withoutAction(definition: string, action: string): (graph: Graph) => Graph {
  const others = (actions: readonly string[]) => actions.filter((one) => one !== action);
  return (graph) => ({
    ...graph,
    resources: graph.resources.map((resource) => {
      if (resource.type !== DEFINITION || resource.name !== definition) return resource;
      const permissions = [resource.outputs['permissions']].flat() as readonly Permission[];
      const less = permissions.map((one) => ({
        ...one,
        actions: others(one.actions),
        dataActions: others(one.dataActions),
      }));
      if (isDeepStrictEqual(permissions, less)) throw new Error(`${definition} has no action ${action}`);
      return {
        ...resource,
        inputs: { ...resource.inputs, permissions: less },
        outputs: { ...resource.outputs, permissions: less },
      };
    }),
  });
}
