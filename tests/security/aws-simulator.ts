// Evaluates one request in the IAM policy simulator, for any principal (even without a name) and any context.
import {
  type AnonymousRequestPrincipal,
  anonymousPrincipal,
  runSimulation,
  type SimulationRequestPrincipal,
} from '@cloud-copilot/iam-simulate';
import type { PolicyDocument } from '../../local/aws/principals.ts';

export const ACCOUNT = '123456789012';
export const OTHER_ACCOUNT = '999999999999';

/** A caller, and the request context that AWS would supply. */
export interface Asker {
  readonly arn: string | AnonymousRequestPrincipal;
  /** The keys of the request's context. Default: `aws:PrincipalArn`, if the principal has an ARN. */
  readonly context?: Readonly<Record<string, string>>;
  /** Default: none. */
  readonly policies?: readonly PolicyDocument[];
  /** The service control policies of its account. Default: none. */
  readonly controls?: readonly PolicyDocument[];
}

export interface Asked {
  readonly action: string;
  readonly resource: string;
  /** The text of the resource's own policy. Default: none. */
  readonly resourcePolicy?: string | undefined;
  readonly context?: Readonly<Record<string, string>>;
}

export type Answer = 'Allowed' | 'ImplicitlyDenied' | 'ExplicitlyDenied';

/** A session of a role. In `aws:PrincipalArn`, AWS puts the role's ARN with its path; the session's ARN has no path. */
export function sessionOf(roleArn: string, session = 'session'): Asker {
  const [, partition, , , account, role = ''] = roleArn.split(':');
  const arn = `arn:${partition}:sts::${account}:assumed-role/${role.split('/').at(-1)}/${session}`;
  return { arn, context: { 'aws:PrincipalArn': roleArn } };
}

export const anonymous: Asker = { arn: anonymousPrincipal };

/** A service that calls as itself, without a role. */
export function service(name: string, context: Readonly<Record<string, string>> = {}): Asker {
  return { arn: name, context: { 'aws:PrincipalIsAWSService': 'true', 'aws:PrincipalServiceName': name, ...context } };
}

/** An administrator's permissions: a refusal then comes from another policy, or from the lack of one. */
export const EVERYTHING: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
};

/**
 * The answer that AWS would give.
 *
 * @throws Error if the simulator cannot decide: a policy is invalid, or the action is unknown
 */
export async function answerTo(asker: Asker, { action, resource, resourcePolicy, context }: Asked): Promise<Answer> {
  const { arn, policies = [], controls = [] } = asker;
  const own = typeof arn === 'string' && arn.startsWith('arn:') ? { 'aws:PrincipalArn': arn } : {};
  const answer = await runSimulation(
    {
      request: {
        principal: arn satisfies SimulationRequestPrincipal,
        action,
        resource: { resource, accountId: accountOf(resource) },
        contextVariables: { ...(asker.context ?? own), ...context },
      },
      identityPolicies: policies.map((policy, index) => ({ name: `policy-${index}`, policy })),
      serviceControlPolicies:
        controls.length === 0
          ? []
          : [
              {
                orgIdentifier: 'account',
                policies: [EVERYTHING, ...controls].map((policy, index) => ({ name: `control-${index}`, policy })),
              },
            ],
      resourceControlPolicies: [],
      ...(resourcePolicy === undefined ? {} : { resourcePolicy: JSON.parse(resourcePolicy) }),
    },
    {},
  );
  if (answer.resultType === 'error') {
    throw new Error(
      `the IAM simulator could not decide ${action} on ${resource}: it needs valid policies and a known action; it says ${JSON.stringify(answer.errors)}`,
    );
  }
  return answer.overallResult as Answer;
}

/** The account in an ARN; our own if the ARN has none. */
function accountOf(arn: string): string {
  return arn.split(':')[4] || ACCOUNT;
}
