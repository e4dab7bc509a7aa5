// Input validation: parses one queue message into what it requests. After this, types are trusted.
import * as v from 'valibot';
import type { OutsideChange } from '../../shared/gate/record.ts';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { FUNCTION_TRIGGERS, type FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { check, type Parsed, required } from '../../shared/runtime/problem.ts';
import { parsePolicyCall } from './policy-call.ts';

/** One image that a message names. */
export interface Named {
  readonly repository: string;
  readonly digest: string;
  readonly trigger: FunctionTrigger;
  /** The finding that the event reports as active, and the time of the event. */
  readonly namedReport?: { readonly id: string; readonly at: Instant | undefined } | undefined;
}

/** A repository that is no longer scanned continuously, and how often it is scanned instead. */
export interface ScanReduced {
  readonly repository: string;
  readonly frequency: string;
}

/** What a message requests. */
export type Message =
  | { readonly kind: 'tick' }
  | { readonly kind: 'sweep' }
  /** Reconcile a whole repository. */
  | {
      readonly kind: 'reconcile';
      readonly repository: string;
      readonly trigger: FunctionTrigger;
      readonly changedBy?: OutsideChange | undefined;
    }
  | { readonly kind: 'images'; readonly images: readonly [Named, ...Named[]] }
  /** These repositories left continuous scanning. */
  | { readonly kind: 'scanReduced'; readonly repositories: readonly [ScanReduced, ...ScanReduced[]] }
  /** A valid message that does not concern this stack. */
  | { readonly kind: 'ignored'; readonly why: string };

const MAX_WHY_CHARACTERS = 200;

const repository = required(repositoryName);
const digest = required(imageDigest);
const text = (meaning: string) => required(v.string(meaning));

const ours = v.variant(
  'pullgate',
  [
    v.object({ pullgate: v.literal('tick') }),
    v.object({ pullgate: v.literal('sweep') }),
    v.object({
      pullgate: v.literal('reconcile'),
      repository,
      trigger: required(v.picklist(FUNCTION_TRIGGERS, `one of ${FUNCTION_TRIGGERS.join(', ')}`)),
    }),
  ],
  'tick, sweep or reconcile',
);

const eventTime = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.toDate(),
  v.transform((time): Instant => time.toISOString()),
);
const envelope = v.object({
  source: text('the source of an EventBridge event'),
  'detail-type': text('the type of an EventBridge event'),
  account: text('the account of an EventBridge event'),
  time: v.fallback(v.optional(eventTime), undefined),
  detail: v.optional(v.unknown()),
});

const FINDING_ARN =
  'the ARN of a finding, such as arn:aws:inspector2:eu-west-1:123456789012:finding/0407d7719da0fc8a8f44991f0bf524d6';
const RESOURCE = 'a resource with its type';
const findingDetail = v.object(
  {
    /** Used in a filter of ListFindings, which rejects a value that is empty or longer than 1024 characters. */
    findingArn: required(
      v.pipe(
        v.string(FINDING_ARN),
        v.regex(/^arn:[a-z-]+:inspector2:[a-z0-9-]+:\d{12}:finding\/[!-~]{1,100}$/, FINDING_ARN),
      ),
    ),
    status: text('the status of a finding'),
    resources: required(
      v.array(v.object({ type: text(RESOURCE), details: v.optional(v.unknown()) }, RESOURCE), 'a list of resources'),
    ),
  },
  'a finding of Amazon Inspector',
);
const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE';
const containerImage = v.object(
  {
    awsEcrContainerImage: required(
      v.object(
        { repositoryName: repository, imageHash: digest, registry: text('the account of the registry') },
        'an ECR image',
      ),
    ),
  },
  'the details of an ECR image',
);

const REPOSITORY_ARN = 'the ARN of a repository, such as arn:aws:ecr:eu-west-1:123456789012:repository/team/app';
const repositoryArn = required(
  v.pipe(
    v.string(REPOSITORY_ARN),
    v.regex(/^arn:[a-z-]+:ecr:[a-z0-9-]+:\d{12}:repository\/.+$/, REPOSITORY_ARN),
    v.check((arn) => v.is(repositoryName, nameIn(arn)), REPOSITORY_ARN),
    v.transform((arn) => ({ accountId: arn.split(':')[4] ?? '', name: nameIn(arn) })),
  ),
);
/** Source of the events of ECR: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html */
const frequencyDetail = v.object(
  {
    repositories: required(
      v.array(
        v.object(
          {
            'repository-name': repository,
            'scan-frequency': text('how often the repository is scanned'),
            'previous-scan-frequency': v.optional(v.string('how often the repository was scanned')),
          },
          'a repository with its scan frequency',
        ),
        'a list of repositories',
      ),
    ),
  },
  'a change of how often repositories are scanned',
);
const scanDetail = v.object({ 'repository-name': repositoryArn, 'image-digest': digest }, 'a finished scan');
const actionDetail = v.object(
  {
    'action-type': text('the type of the action'),
    result: text('the result of the action'),
    'repository-name': repository,
    'image-digest': digest,
    'target-storage-class': v.optional(v.string('the storage class of an image')),
  },
  'an action on an image',
);

function nameIn(arn: string): string {
  return arn.slice(arn.indexOf('/') + 1);
}

/**
 * Reads one message of the queue.
 *
 * @param body the message as received
 * @param accountId our own account. A delegated administrator also receives events about images of other accounts
 */
export function parseMessage(body: string, accountId: string): Parsed<Message> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { ok: false, problems: [{ key: 'message', given: body, allowed: 'JSON' }] };
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return { ok: false, problems: [{ key: 'message', given: json, allowed: 'an EventBridge event' }] };
  }
  if ('pullgate' in json) return parseOurs(json);
  const event = check(envelope, json, '');
  if (!event.ok) return event;
  if (event.value.account !== accountId) return ignored(`an event from account ${event.value.account}`);
  const kind = `${event.value.source} ${event.value['detail-type']}`;
  switch (kind) {
    case 'aws.inspector2 Inspector2 Finding':
      return parseFinding(event.value, accountId);
    case 'aws.inspector2 Inspector2 Scan':
      return parseScan(event.value.detail, accountId);
    case 'aws.ecr ECR Image Action':
    case 'aws.ecr ECR Replication Action':
      return parseAction(event.value.detail);
    case 'aws.ecr ECR Scan Resource Change':
      return parseFrequencies(event.value.detail);
    case 'aws.ecr AWS API Call via CloudTrail':
      return parseCall(event.value.detail, accountId);
    default:
      return ignored(`an event type that pullgate does not use: ${kind}`);
  }
}

function parseOurs(json: object): Parsed<Message> {
  const message = check(ours, json, '');
  if (!message.ok) return message;
  const { value } = message;
  if (value.pullgate !== 'reconcile') return { ok: true, value: { kind: value.pullgate } };
  return { ok: true, value: { kind: value.pullgate, repository: value.repository, trigger: value.trigger } };
}

function parseFinding({ detail, time: at }: v.InferOutput<typeof envelope>, accountId: string): Parsed<Message> {
  const finding = check(findingDetail, detail, 'detail');
  if (!finding.ok) return finding;
  const { findingArn, status, resources } = finding.value;
  const images: Named[] = [];
  const foreign: string[] = [];
  for (const [index, { type, details }] of resources.entries()) {
    if (type !== ECR_IMAGE) continue;
    const image = check(containerImage, details, `detail.resources[${index}].details`);
    if (!image.ok) return image;
    const { repositoryName: name, imageHash, registry } = image.value.awsEcrContainerImage;
    if (registry !== accountId) {
      foreign.push(registry);
      continue;
    }
    images.push({
      repository: name,
      digest: imageHash,
      trigger: 'finding',
      namedReport: status === 'ACTIVE' ? { id: findingArn, at } : undefined,
    });
  }
  const [first, ...others] = images;
  if (first === undefined && foreign.length > 0) return ignored(`an image in registry ${foreign.join(', ')}`);
  if (first === undefined)
    return ignored(`a finding for ${resources.map(({ type }) => type).join(', ') || 'no resource'}`);
  return { ok: true, value: { kind: 'images', images: [first, ...others] } };
}

function parseScan(detail: unknown, accountId: string): Parsed<Message> {
  const scan = check(scanDetail, detail, 'detail');
  if (!scan.ok) return scan;
  const { 'repository-name': scanned, 'image-digest': image } = scan.value;
  if (scanned.accountId !== accountId) return ignored(`an image in registry ${scanned.accountId}`);
  return oneImage(scanned.name, image, 'scan');
}

function parseAction(detail: unknown): Parsed<Message> {
  const action = check(actionDetail, detail, 'detail');
  if (!action.ok) return action;
  const { 'action-type': type, result, 'repository-name': name, 'image-digest': image } = action.value;
  if (result !== 'SUCCESS') return ignored(`an image action with the result ${result}`);
  const target = action.value['target-storage-class'];
  const kind = target === undefined ? type : `${type} ${target}`;
  const trigger = ACTION_TRIGGERS.get(kind);
  return trigger === undefined ? ignored(`an image action of the type ${kind}`) : oneImage(name, image, trigger);
}

/** An archived image is no longer in the registry for a pull, and a reactivated or replicated one is again. */
const ACTION_TRIGGERS: ReadonlyMap<string, FunctionTrigger> = new Map([
  ['PUSH', 'push'],
  ['REPLICATE', 'push'],
  ['DELETE', 'delete'],
  ['UPDATE_STORAGE_CLASS ARCHIVE', 'delete'],
  ['UPDATE_STORAGE_CLASS STANDARD', 'push'],
]);

const CONTINUOUS = 'CONTINUOUS_SCAN';

function parseFrequencies(detail: unknown): Parsed<Message> {
  const change = check(frequencyDetail, detail, 'detail');
  if (!change.ok) return change;
  const [first, ...others] = change.value.repositories.flatMap((one): readonly ScanReduced[] => {
    const frequency = one['scan-frequency'];
    if (one['previous-scan-frequency'] !== CONTINUOUS || frequency === CONTINUOUS) return [];
    return [{ repository: one['repository-name'], frequency }];
  });
  if (first === undefined) return ignored('a scan frequency that was not reduced');
  return { ok: true, value: { kind: 'scanReduced', repositories: [first, ...others] } };
}

/** A change of a repository policy by someone else. It may have removed the lock, or may not concern it at all. */
function parseCall(detail: unknown, accountId: string): Parsed<Message> {
  const call = parsePolicyCall(detail);
  if (!call.ok) return call;
  if (typeof call.value === 'string') return ignored(call.value);
  const { repository: name, registryId = accountId, changedBy } = call.value;
  if (registryId !== accountId) return ignored(`a repository in registry ${registryId}`);
  return { ok: true, value: { kind: 'reconcile', repository: name, trigger: 'lock', changedBy } };
}

function oneImage(name: string, image: string, trigger: FunctionTrigger): Parsed<Message> {
  return { ok: true, value: { kind: 'images', images: [{ repository: name, digest: image, trigger }] } };
}

function ignored(why: string): Parsed<Message> {
  return { ok: true, value: { kind: 'ignored', why: why.slice(0, MAX_WHY_CHARACTERS) } };
}
