// The configuration of the deployed function: the settings in its archive, and the mark of its statements.
import { createHash } from 'node:crypto';
import * as pulumi from '@pulumi/pulumi';
import { accept } from '../../config/accept.ts';
import type { Mode, PolicyArgs, RepositoriesArgs, Severity } from '../../config/args.ts';
import { type checkEcrArgs, checkExemptPrincipals } from '../../config/settings.ts';

/** The content of the function's `settings.json`, in the words of the component's arguments. */
export interface EcrFunctionSettings {
  /** The name of the Pulumi stack. */
  stack: string;
  severityThreshold: Severity;
  /** The refinements as they were written. */
  policy: PolicyArgs;
  mode: Mode;
  sweepHours: number;
  maxClosesPerHour: number;
  repositories: RepositoriesArgs;
  exemptPrincipals: string[];
  closeLambdaRepositories: boolean;
}

type Settings = Extract<ReturnType<typeof checkEcrArgs>, { ok: true }>['value'];

/**
 * Only what the function reads: changing the mail addresses or the log's retention deploys no code and makes no sweep
 * due.
 *
 * @param name the component's
 * @param exemptPrincipals as they were given: they are checked once they are known
 */
export function functionSettings(
  name: string,
  settings: Settings,
  exemptPrincipals: pulumi.Input<pulumi.Input<string>[]> | undefined,
): pulumi.Output<EcrFunctionSettings> {
  return pulumi.output(exemptPrincipals).apply((known) => ({
    stack: pulumi.getStack(),
    severityThreshold: settings.policy.severityThreshold,
    policy: settings.refinements,
    mode: settings.mode,
    sweepHours: settings.sweepHours,
    maxClosesPerHour: settings.maxClosesPerHour,
    repositories: settings.repositories,
    exemptPrincipals: accept(name, checkExemptPrincipals(known)),
    closeLambdaRepositories: settings.closeLambdaRepositories,
  }));
}

/**
 * The Sid of the stack's statement in a repository's policy: letters and digits only, as IAM wants it, and another one
 * for every stack, even if two names differ in other characters only.
 *
 * @example statementId('acme', 'pullgate', 'eu-prod') // 'Pullgateeuprodbd6c12e8'
 */
export function statementId(organization: string, project: string, stack: string): string {
  const mark = createHash('sha256').update(`${organization}/${project}/${stack}`).digest('hex').slice(0, 8);
  return `Pullgate${stack.replaceAll(/[^A-Za-z0-9]/g, '')}${mark}`;
}
