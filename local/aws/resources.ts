// The parts of a resource graph that the local AWS runs, by resource type.
import type { Graph } from '../graph.ts';
import type { Place } from './place.ts';
import type { Fields } from './resources-fields.ts';
import { type FunctionResource, type MappingResource, readFunction, readMapping } from './resources-function.ts';
import { type QueueResource, readQueues } from './resources-queues.ts';
import { type RoleResource, readRoles } from './resources-roles.ts';
import { type RuleResource, readRules } from './resources-rules.ts';
import { readTables } from './resources-tables.ts';
import { readTopics, type TopicResource } from './resources-topics.ts';

export interface Resources {
  readonly place: Place;
  readonly queues: readonly QueueResource[];
  readonly rules: readonly RuleResource[];
  readonly lambda: FunctionResource;
  readonly mapping: MappingResource;
  readonly roles: readonly RoleResource[];
  readonly topics: readonly TopicResource[];
  /** As input of DynamoDB's CreateTable. */
  readonly tables: readonly Fields[];
}

/**
 * Reads a graph.
 *
 * @throws Error if the graph contains something that the local cloud cannot run, or lacks something that it needs; it
 *   never guesses
 */
export function readResources(graph: Graph): Resources {
  const queues = readQueues(graph);
  const rules = readRules(graph);
  const roles = readRoles(graph);
  const topics = readTopics(graph);
  const lambda = readFunction(graph);
  const mapping = readMapping(graph);
  const [, partition, , region, account] = lambda.arn.split(':');
  const place = { partition: String(partition), region: String(region), account: String(account) };
  return { place, queues, rules, lambda, mapping, roles, topics, tables: readTables(graph) };
}
