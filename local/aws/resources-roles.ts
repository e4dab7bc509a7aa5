// The roles of a resource graph, each with the policies that the graph defines.
import type { Graph } from '../graph.ts';
import type { PolicyDocument } from './principals.ts';
import { all, type Fields, isNamed, json, policyText, text } from './resources-fields.ts';

export interface RoleResource {
  readonly arn: string;
  readonly trustPolicy: string;
  readonly policies: readonly PolicyDocument[];
}

export function readRoles(graph: Graph): readonly RoleResource[] {
  const inline = all(graph, 'aws:iam/rolePolicy:RolePolicy');
  const attachments = all(graph, 'aws:iam/rolePolicyAttachment:RolePolicyAttachment');
  return all(graph, 'aws:iam/role:Role').map((role) => {
    if (role['inlinePolicies'] !== undefined || role['managedPolicyArns'] !== undefined) {
      throw new Error(
        'define the policies of a role as separate resources: aws.iam.RolePolicy, aws.iam.RolePolicyAttachment',
      );
    }
    const isOfRole = (policy: Fields) => isNamed(role, policy['role']);
    const attached = attachments.filter(isOfRole).map(({ policyArn }) => findPolicy(graph, policyArn));
    const policies = [...inline.filter(isOfRole), ...attached].map(
      ({ policy }) => json(policy) as unknown as PolicyDocument,
    );
    return { arn: text(role, 'arn'), trustPolicy: policyText(role['assumeRolePolicy']) ?? '', policies };
  });
}

function findPolicy(graph: Graph, policyArn: unknown): Fields {
  const policy = all(graph, 'aws:iam/policy:Policy').find((one) => isNamed(one, policyArn));
  if (policy !== undefined) return policy;
  throw new Error(
    `the local cloud does not know the managed policy ${policyArn}; write its statements into a RolePolicy`,
  );
}
