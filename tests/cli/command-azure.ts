// Runs the real `pullgate` command against the local Azure, as an operator with only the roles that the command needs.
import type { LocalAzure } from '../../local/azure/cloud.ts';
import type { Grant } from '../../local/azure/grant.ts';
import type { Graph } from '../../local/graph.ts';
import { REGISTRY, type Stage } from '../e2e/azure/stage.ts';
import { FOLDER, outputsOf, pullgate, type Ran } from './command.ts';

export const OPERATOR = 'operator';

/** The roles that the command needs, by purpose. */
export interface OperatorRoles {
  /** Storage Table Data Contributor on the table: the records and the pause. */
  readonly records: Grant;
  /** The stack's role on each registry, for its login server, its role assignment mode, and the locks. */
  readonly locks: Grant;
  /** The stack's role on the Communication Service, for the mails. */
  readonly mail: Grant;
}

/** What `pause` and `release` need. `resume` needs only the first role. */
export function leastToOpenOnAzure(graph: Graph): OperatorRoles {
  const mail = only(graph, 'azure-native:communication:CommunicationService');
  return {
    records: { role: 'Storage Table Data Contributor', scope: only(graph, 'azure-native:storage:Table') },
    locks: { role: only(graph, 'azure-native:authorization:RoleDefinition', 'gatekeeper'), scope: REGISTRY },
    mail: { role: only(graph, 'azure-native:authorization:RoleDefinition', 'mail-sender'), scope: mail },
  };
}

/** The environment of a command that runs as an operator with these roles. Inherits nothing from this process. */
export function asAzureOperator(
  cloud: LocalAzure,
  grants: readonly Grant[],
  name = 'operator',
): Record<string, string> {
  const { principal } = cloud.principals.add(name, grants);
  return { PATH: FOLDER, ...cloud.environment(principal) };
}

/** Runs commands on a deployed stack, as an operator with all the roles that they need or with all but one. */
export function runOn(s: Pick<Stage, 'cloud' | 'graph'>) {
  const outputs = outputsOf(s.graph);
  const least = leastToOpenOnAzure(s.graph);
  const run = (command: string, missing?: keyof OperatorRoles, instead: readonly Grant[] = []): Promise<Ran> => {
    const grants = Object.entries(least).flatMap(([name, grant]) => (name === missing ? instead : [grant]));
    const name = missing === undefined ? OPERATOR : `operator without ${missing}`;
    return pullgate([...command.split(' '), '--outputs', outputs], asAzureOperator(s.cloud, grants, name));
  };
  return { run, least };
}

function only({ resources }: Graph, type: string, nameEnd = ''): string {
  const found = resources.filter((resource) => resource.type === type && resource.name.endsWith(nameEnd));
  if (found.length !== 1) throw new Error(`one ${type} was expected in the graph; there are ${found.length}`);
  return found[0]?.id ?? '';
}
