// The configuration of the deployed function: the settings in its archive, and the component's id.
import { createHash } from 'node:crypto';
import * as pulumi from '@pulumi/pulumi';
import { accept } from '../../config/accept.ts';
import type { BrakeExempt, Mode, PolicyArgs, RepositoriesArgs, RuleArgs, Severity } from '../../config/args.ts';
import { brakeLimits, type checkEcrArgs, checkExemptPrincipals } from '../../config/settings.ts';

/** The content of the function's `settings.json`, named like the component's arguments. */
export interface EcrFunctionSettings {
  severityThreshold: Severity;
  /** The refinements of the policy as the user wrote them. */
  policy: PolicyArgs;
  /** The rules as the user wrote them. */
  rules: RuleArgs[];
  mode: Mode;
  sweepHours: number;
  maxClosesPerHour: number;
  maxClosesPerDay: number;
  brakeExempt: BrakeExempt;
  repositories: RepositoriesArgs;
  exemptPrincipals: string[];
  closeLambdaRepositories: boolean;
  unscannedHours: number;
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
    severityThreshold: settings.policy.severityThreshold,
    policy: settings.refinements,
    rules: settings.givenRules,
    mode: settings.mode,
    sweepHours: settings.sweepHours,
    ...brakeLimits(settings, 'repository'),
    brakeExempt: settings.brakeExempt,
    repositories: settings.repositories,
    exemptPrincipals: accept(name, checkExemptPrincipals(known)),
    closeLambdaRepositories: settings.closeLambdaRepositories,
    unscannedHours: settings.unscannedHours,
  }));
}

/**
 * The component's id, and the Sid of its statements in repository policies: a hash of the table's ARN, which is unique
 * in every account and region. Pulumi made up the table's name once and keeps it in its state, so the id survives a
 * renamed or moved stack. IAM allows only letters and digits in a Sid.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
 *
 * @example toStatementId('arn:aws:dynamodb:eu-west-1:123456789012:table/records-1a2b3c4') // 'Pullgate3bd4e731dc3e'
 */
export function toStatementId(tableArn: string): string {
  return `Pullgate${createHash('sha256').update(tableArn).digest('hex').slice(0, 12)}`;
}
