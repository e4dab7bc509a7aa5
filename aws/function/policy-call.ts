// Input validation: parses CloudTrail's record of a call that changed a repository's policy.
import * as v from 'valibot';
import type { OutsideChange } from '../../shared/gate/record.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { check, type Parsed, required } from '../../shared/runtime/problem.ts';

/** A call that changed a repository's policy. */
export interface PolicyCall {
  readonly repository: string;
  /** The account of the registry. Undefined: the account of the caller. */
  readonly registryId: string | undefined;
  /** Undefined if the record does not say who made the call, or when. */
  readonly changedBy: OutsideChange | undefined;
}

const POLICY_CALLS = ['SetRepositoryPolicy', 'DeleteRepositoryPolicy'];
/** The notice keeps the name until it is delivered. */
const MAX_WHO_CHARACTERS = 300;

/**
 * Who called and when are for people only, so a form that is unknown must not keep a lock from being restored.
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
const callDetail = v.object(
  {
    eventName: required(v.string('the name of the call')),
    errorCode: v.optional(v.string('the code of an error')),
    eventTime: v.fallback(v.optional(v.pipe(v.string(), v.isoTimestamp())), undefined),
    userIdentity: v.fallback(v.object({ arn: v.optional(v.string()), type: v.optional(v.string()) }), {}),
    requestParameters: v.optional(v.unknown()),
  },
  'a call of Amazon ECR',
);
const parameters = v.object(
  { repositoryName: required(repositoryName), registryId: v.optional(v.string('the account of the registry')) },
  'the parameters of a call that changes a repository policy',
);

/** Returns the call; or, as text, what else the record is about. */
export function parsePolicyCall(detail: unknown): Parsed<PolicyCall | string> {
  const call = check(callDetail, detail, 'detail');
  if (!call.ok) return call;
  const { eventName, errorCode, eventTime: at, userIdentity, requestParameters } = call.value;
  if (!POLICY_CALLS.includes(eventName)) return { ok: true, value: `a call of ${eventName}` };
  if (errorCode !== undefined) return { ok: true, value: `a call of ${eventName} that failed: ${errorCode}` };
  const given = check(parameters, requestParameters, 'detail.requestParameters');
  if (!given.ok) return given;
  const { repositoryName: repository, registryId } = given.value;
  const who = (userIdentity.arn ?? userIdentity.type)?.slice(0, MAX_WHO_CHARACTERS);
  const changedBy = who === undefined || at === undefined ? undefined : { who, call: eventName, at };
  return { ok: true, value: { repository, registryId, changedBy } };
}
