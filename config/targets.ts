// The targets of a stack, as the rules name them, before anything is deployed.
import * as v from 'valibot';
import type { KnownTarget } from '../shared/policy/rule-reach.ts';

const globs = v.array(v.string());
const included = v.optional(v.object({ include: v.optional(globs, ['**']), exclude: v.optional(globs, []) }), {});
/** Only what is needed, so that a mistake in another key does not hide a problem of a rule. */
const onAws = v.object({ repositories: included });
const onAzure = v.object({ registries: v.array(v.string()), repositories: included });

/** The digits of an account id. */
const ACCOUNT = '?'.repeat(12);

/** The target on AWS. The account is known only to the provider, and the region only if the config has it. */
export function awsTargets(aws: unknown, region: unknown): readonly KnownTarget[] | undefined {
  const given = v.safeParse(onAws, aws ?? {});
  if (!given.success) return undefined;
  const name = `aws/${ACCOUNT}/${typeof region === 'string' && region !== '' ? region : '*'}`;
  return [{ name, repositories: given.output.repositories }];
}

/** The targets on Azure: the registries. */
export function azureTargets(azure: unknown): readonly KnownTarget[] | undefined {
  const given = v.safeParse(onAzure, azure);
  if (!given.success) return undefined;
  const { registries, repositories } = given.output;
  return registries.map((id) => ({ name: `azure/${id.slice(id.lastIndexOf('/') + 1).toLowerCase()}`, repositories }));
}
