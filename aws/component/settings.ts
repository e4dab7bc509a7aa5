// The configuration of the deployed function: the settings in its archive, and the Sid of its statements.
import { createHash } from 'node:crypto';
import * as pulumi from '@pulumi/pulumi';
import { accept } from '../../config/accept.ts';
import type { BrakeExempt, Mode, PolicyArgs, RepositoriesArgs, Severity } from '../../config/args.ts';
import { type checkEcrArgs, checkExemptPrincipals } from '../../config/settings.ts';

/** The content of the function's `settings.json`, named like the component's arguments. */
export interface EcrFunctionSettings {
  /** The name of the Pulumi stack. */
  stack: string;
  severityThreshold: Severity;
  /** The refinements of the policy as the user wrote them. */
  policy: PolicyArgs;
  mode: Mode;
  sweepHours: number;
  maxClosesPerHour: number;
  brakeExempt: BrakeExempt;
  repositories: RepositoriesArgs;
  exemptPrincipals: string[];
  closeLambdaRepositories: boolean;
}

type Settings = Extract<ReturnType<typeof checkEcrArgs>, { ok: true }>['value'];

/**
 * Selects the settings that the function reads. A change to the mail addresses or the log retention therefore deploys
 * no code and triggers no sweep.
 *
 * @param name the component's name
 * @param exemptPrincipals as given; they are checked once their values are known
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
    brakeExempt: settings.brakeExempt,
    repositories: settings.repositories,
    exemptPrincipals: accept(name, checkExemptPrincipals(known)),
    closeLambdaRepositories: settings.closeLambdaRepositories,
  }));
}

/**
 * The Sid of the stack's statement in a repository policy. It contains only letters and digits, as IAM requires, and is
 * unique per stack, even if two stack names differ only in other characters.
 *
 * @example statementId('acme', 'pullgate', 'eu-prod') // 'Pullgateeuprodbd6c12e8'
 */
export function statementId(organization: string, project: string, stack: string): string {
  const mark = createHash('sha256').update(`${organization}/${project}/${stack}`).digest('hex').slice(0, 8);
  return `Pullgate${stack.replaceAll(/[^A-Za-z0-9]/g, '')}${mark}`;
}
