// The least permissions for the read-only commands (why, status, check --live) on both clouds.
import { createClients } from '../../azure/function/clients.ts';
import { createAzureClient } from '../../cli/stack/azure-client.ts';
import type { Client } from '../../cli/stack/client.ts';
import { findStack } from '../../cli/stack/stack.ts';
import type { PolicyDocument } from '../../local/aws/principals.ts';
import type { Grant } from '../../local/azure/grant.ts';
import type { Graph } from '../../local/graph.ts';
import { REGISTRY, type Stage } from '../e2e/azure/stage.ts';
import { outputsOf, without } from './command.ts';

const ALL_REPOSITORIES = 'arn:aws:ecr:eu-west-1:123456789012:repository/*';

/** What `status` needs. */
export function leastForStatus(graph: Graph): PolicyDocument {
  return { Version: '2012-10-17', Statement: [...recordsOf(graph), deadLettersOf(graph)] };
}

/** What `why` needs. */
export function leastForWhy(graph: Graph): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: arnOf(graph, 'aws:dynamodb/table:Table') },
      {
        Effect: 'Allow',
        Action: ['ecr:DescribeImages', 'ecr:GetRepositoryPolicy', 'ecr:BatchGetImage'],
        Resource: ALL_REPOSITORIES,
      },
      { Effect: 'Allow', Action: ['inspector2:ListFindings', 'inspector2:ListCoverage'], Resource: '*' },
    ],
  };
}

/** What `status --live` needs. `check --live` needs the same without the queue and the account's status. */
export function leastForLive(graph: Graph): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      ...recordsOf(graph),
      deadLettersOf(graph),
      {
        Effect: 'Allow',
        Action: ['ecr:DescribeImages', 'ecr:GetRepositoryPolicy', 'ecr:BatchGetImage'],
        Resource: ALL_REPOSITORIES,
      },
      {
        Effect: 'Allow',
        Action: [
          'inspector2:ListFindings',
          'inspector2:ListFindingAggregations',
          'inspector2:BatchGetAccountStatus',
          'inspector2:ListCoverage',
        ],
        Resource: '*',
      },
    ],
  };
}

/** What `plan` and `plan --save` need: what `status --live` does, and not the queue. */
export function leastForPlan(graph: Graph): PolicyDocument {
  return without(leastForLive(graph), 'sqs:GetQueueAttributes');
}

function recordsOf(graph: Graph) {
  const table = arnOf(graph, 'aws:dynamodb/table:Table');
  return [{ Effect: 'Allow', Action: ['dynamodb:Scan', 'dynamodb:GetItem'], Resource: table }];
}

function deadLettersOf({ outputs }: Graph) {
  const { deadLetterQueueUrl } = outputs['aws'] as { readonly deadLetterQueueUrl: string };
  const name = deadLetterQueueUrl.split('/').at(-1);
  return {
    Effect: 'Allow',
    Action: 'sqs:GetQueueAttributes',
    Resource: `arn:aws:sqs:eu-west-1:123456789012:${name}`,
  };
}

export function arnOf({ resources }: Graph, type: string): unknown {
  const found = resources.filter((resource) => resource.type === type);
  if (found.length !== 1) throw new Error(`one ${type} was expected in the graph; there are ${found.length}`);
  return found[0]?.outputs['arn'];
}

/**
 * The roles that the read-only commands need on Azure, by purpose. `status` without `--live` needs only the records and
 * the queue.
 */
export interface ObservingRoles {
  readonly records: Grant;
  /** The poison queue, for `status`. */
  readonly queue: Grant;
  /** The registry itself: its login server and role assignment mode. */
  readonly registry: Grant;
  /** The attributes of the repositories and images. */
  readonly images: Grant;
  readonly findings: Grant;
}

/** The role that reads images, by the registry's role assignment mode. */
const IMAGES = { rbac: 'AcrPull', abac: 'Container Registry Repository Reader' } as const;

export function leastToObserveOnAzure(graph: Graph, mode: keyof typeof IMAGES = 'rbac'): ObservingRoles {
  return {
    records: { role: 'Storage Table Data Reader', scope: idOf(graph, 'azure-native:storage:Table') },
    queue: { role: 'Storage Queue Data Reader', scope: idOf(graph, 'azure-native:storage:Queue', 'poison') },
    registry: { role: 'Reader', scope: REGISTRY },
    images: { role: IMAGES[mode], scope: REGISTRY },
    findings: { role: 'Log Analytics Reader', scope: idOf(graph, 'azure-native:operationalinsights:Workspace') },
  };
}

function idOf({ resources }: Graph, type: string, nameEnd = ''): string {
  const found = resources.filter((resource) => resource.type === type && resource.name.endsWith(nameEnd));
  if (found.length !== 1) throw new Error(`one ${type} was expected in the graph; there are ${found.length}`);
  return found[0]?.id ?? '';
}

/** The command's Azure client in this process, for an operator with these roles. */
export async function azureClientHere(
  { cloud, graph }: Pick<Stage, 'cloud' | 'graph'>,
  now: () => string,
  grants: readonly Grant[],
): Promise<Client> {
  const { azure } = await findStack({ outputs: outputsOf(graph) });
  if (azure === undefined) throw new Error('the stack is on Azure');
  const operator = cloud.principals.add('operator in this process', grants);
  return createAzureClient(azure, now, createClients(azure, operator, cloud.clientOptions));
}

/** The roles that the self-test of `check --live` needs, besides those that observe. */
export function leastToTestOnAzure(graph: Graph, mode: keyof typeof IMAGES = 'rbac'): readonly Grant[] {
  const [, , subscription = ''] = REGISTRY.split('/');
  const { registry, images, findings } = leastToObserveOnAzure(graph, mode);
  return [registry, images, findings, { role: 'Security Reader', scope: `/subscriptions/${subscription}` }];
}
