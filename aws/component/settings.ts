// What the deployed function is told: the settings in its archive, and the mark of its statements.
import { createHash } from 'node:crypto';
import type { EcrPullGateArgs } from './pull-gate.ts';

/** The content of settings.json, in the words of the stack's config. */
export type FunctionSettings = Readonly<Record<string, unknown>> & { readonly stack: string };

/** Only what the function reads: changing the mail addresses or the log's retention deploys no code and makes no sweep due. */
export function functionSettings(stack: string, args: EcrPullGateArgs): FunctionSettings {
  return {
    stack,
    severityThreshold: args.severityThreshold,
    policy: args.policy,
    mode: args.mode,
    sweepHours: args.sweepHours,
    maxClosesPerHour: args.maxClosesPerHour,
    repositories: args.repositories,
    exemptPrincipals: args.exemptPrincipals,
    closeLambdaRepositories: args.closeLambdaRepositories,
  };
}

/**
 * The Sid of the stack's statement in a repository's policy: letters and digits only, as IAM wants it, and another one for every stack, even
 * where two names differ in other characters only.
 *
 * @example statementId('acme', 'pullgate', 'eu-prod') // 'Pullgateeuprodbd6c12e8'
 */
export function statementId(organization: string, project: string, stack: string): string {
  const mark = createHash('sha256').update(`${organization}/${project}/${stack}`).digest('hex').slice(0, 8);
  return `Pullgate${stack.replaceAll(/[^A-Za-z0-9]/g, '')}${mark}`;
}
