// Authorization: an IAM policy simulator decides each call from the caller's identity policies and the resource's own
// policy.
import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import type { Place } from './place.ts';
import type { PolicyDocument, Principal } from './principals.ts';

/** One permission that a call needs. */
export interface Need {
  /** Such as `ecr:SetRepositoryPolicy`. */
  readonly action: string;
  readonly resource: string;
  /** The text of the resource's own policy, if it has one. */
  readonly resourcePolicy?: string | undefined;
  /** A service makes this call on the caller's behalf, without the context of the caller's credentials. */
  readonly isByService?: boolean;
  readonly context?: Readonly<Record<string, string>>;
}

export interface Iam {
  /** AWS's message if the principal is not authorized; otherwise undefined. */
  refusal(principal: Principal, need: Need): Promise<string | undefined>;
}

const MAX_REMEMBERED = 50_000;

export function createIam(place: Place): Iam {
  const decisions = new Map<string, string | undefined>();
  return {
    async refusal(principal, need) {
      const policies = principal.policies();
      const key = JSON.stringify([principal.arn, principal.context, need, policies]);
      if (!decisions.has(key)) {
        if (decisions.size >= MAX_REMEMBERED) decisions.clear();
        decisions.set(key, await simulate(place, principal, policies, need));
      }
      return decisions.get(key);
    },
  };
}

async function simulate(
  place: Place,
  { arn, context: ofCredentials }: Principal,
  policies: readonly PolicyDocument[],
  { action, resource, resourcePolicy, isByService = false, context }: Need,
): Promise<string | undefined> {
  const resourcePart = knownPart(resourcePolicy);
  const simulation: Simulation = {
    request: {
      principal: arn,
      action,
      resource: { resource, accountId: place.account },
      contextVariables: { ...contextOf(arn), ...(isByService ? {} : ofCredentials), ...context },
    },
    identityPolicies: policies.map((policy, index) => ({ name: `policy-${index}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(resourcePart === undefined ? {} : { resourcePolicy: resourcePart }),
  };
  const answer = await runSimulation(simulation, {});
  if (answer.resultType === 'error') {
    throw new Error(
      `the IAM simulator could not decide ${action} on ${resource} for ${arn}: it needs valid policies and a known action; it says ${JSON.stringify(answer.errors)}`,
    );
  }
  if (answer.overallResult === 'Allowed') return undefined;
  const analyses =
    answer.resultType === 'single' ? [answer.result.analysis] : answer.results.map(({ analysis }) => analysis);
  const refused = `User: ${arn} is not authorized to perform: ${action} on resource: ${resource}`;
  if (analyses.some(({ resourceAnalysis }) => resourceAnalysis?.result === 'ExplicitlyDenied')) {
    return `${refused} with an explicit deny in a resource-based policy`;
  }
  if (answer.overallResult === 'ExplicitlyDenied')
    return `${refused} with an explicit deny in an identity-based policy`;
  return `${refused} because no identity-based policy allows the ${action} action`;
}

/**
 * For a session of a role, `aws:PrincipalArn` is the role's ARN. It is absent for a service.
 * Source:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
 */
function contextOf(arn: string): Record<string, string> {
  const [, partition, account, role] = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  if (role !== undefined) return { 'aws:PrincipalArn': `arn:${partition}:iam::${account}:role/${role}` };
  return arn.startsWith('arn:') ? { 'aws:PrincipalArn': arn } : {};
}

const STATEMENT_KEYS: ReadonlySet<string> = new Set([
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
]);

/**
 * The part of a resource's policy that belongs to the policy language. The simulator rejects other keys, but a foreign
 * policy may contain some that have no effect. Text that is not a policy has no effect either.
 */
function knownPart(text: string | undefined): object | undefined {
  let policy: Partial<PolicyDocument> | null;
  try {
    policy = JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
  const { Version, Statement } = policy ?? {};
  if (Statement === undefined) return undefined;
  const statements = Array.isArray(Statement) ? Statement : [Statement];
  return {
    ...(Version === undefined ? {} : { Version }),
    Statement: statements.map((statement: object) =>
      Object.fromEntries(Object.entries(statement).filter(([key]) => STATEMENT_KEYS.has(key))),
    ),
  };
}
