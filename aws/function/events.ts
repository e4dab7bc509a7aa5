// The door: one queue message in, the gate that it names out. After this, types are trusted.
import * as v from 'valibot';
import { TRIGGERS, type Trigger } from '../../shared/decision.ts';
import { type Parsed, problemsFrom } from '../../shared/problem.ts';

/** One image that a message names. */
export interface Named {
  readonly repository: string;
  readonly digest: string;
  readonly trigger: Trigger;
  /** The finding that the event reports as active. */
  readonly activeFinding?: string | undefined;
}

/** What a message asks for. */
export type Request =
  | { readonly kind: 'tick' }
  | { readonly kind: 'sweep' }
  /** Look at a whole repository. */
  | { readonly kind: 'look'; readonly repository: string; readonly trigger: Trigger }
  | { readonly kind: 'images'; readonly images: readonly [Named, ...Named[]] }
  /** Not ours, and nothing wrong with it. */
  | { readonly kind: 'ignored'; readonly why: string };

const REPOSITORY = 'a repository name: lower case letters, digits, ., _, - and / (2 to 256 characters)';
/** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
const repository = v.pipe(
  v.string(REPOSITORY),
  v.minLength(2, REPOSITORY),
  v.maxLength(256, REPOSITORY),
  v.regex(/^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/, REPOSITORY),
);
const DIGEST = 'a digest: sha256: and 64 hexadecimal digits';
const digest = v.pipe(v.string(DIGEST), v.regex(/^sha256:[0-9a-f]{64}$/, DIGEST));
const text = v.string('text');

const ours = v.variant(
  'pullgate',
  [
    v.object({ pullgate: v.literal('tick') }),
    v.object({ pullgate: v.literal('sweep') }),
    v.object({
      pullgate: v.literal('look'),
      repository,
      trigger: v.picklist(TRIGGERS, `one of ${TRIGGERS.join(', ')}`),
    }),
  ],
  'tick, sweep or look',
);

const envelope = v.object(
  { source: text, 'detail-type': text, account: text, detail: v.unknown() },
  'an EventBridge event',
);

const findingDetail = v.object(
  {
    findingArn: text,
    status: text,
    resources: v.array(v.object({ type: text, details: v.optional(v.unknown()) }), 'a list of resources'),
  },
  'a finding of Amazon Inspector',
);
const ECR_IMAGE = 'AWS_ECR_CONTAINER_IMAGE';
const containerImage = v.object(
  { awsEcrContainerImage: v.object({ repositoryName: repository, imageHash: digest, registry: text }, 'an ECR image') },
  'the details of an ECR image',
);

const REPOSITORY_ARN = 'the ARN of a repository, such as arn:aws:ecr:eu-west-1:123456789012:repository/team/app';
const repositoryArn = v.pipe(
  v.string(REPOSITORY_ARN),
  v.regex(/^arn:[a-z-]+:ecr:[a-z0-9-]+:\d{12}:repository\/.+$/, REPOSITORY_ARN),
  v.transform((arn) => ({ accountId: arn.split(':')[4], name: arn.slice(arn.indexOf('/') + 1) })),
  v.object({ accountId: v.string(), name: repository }),
);
const scanDetail = v.object({ 'repository-name': repositoryArn, 'image-digest': digest }, 'a finished scan');
const actionDetail = v.object(
  { 'action-type': text, result: text, 'repository-name': repository, 'image-digest': digest },
  'an action on an image',
);

/**
 * Reads one message of the queue.
 *
 * @param body the message as it came
 * @param accountId our own account: a delegated administrator also hears of other accounts' images
 */
export function parseMessage(body: string, accountId: string): Parsed<Request> {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { ok: false, problems: [{ key: 'message', given: body, allowed: 'JSON' }] };
  }
  if (typeof json === 'object' && json !== null && 'pullgate' in json) return parseOurs(json);
  const event = v.safeParse(envelope, json);
  if (!event.success) return { ok: false, problems: problemsFrom(event.issues, '') };
  if (event.output.account !== accountId) return ignored(`an event of the account ${event.output.account}`);
  const kind = `${event.output.source} ${event.output['detail-type']}`;
  switch (kind) {
    case 'aws.inspector2 Inspector2 Finding':
      return parseFinding(event.output.detail, accountId);
    case 'aws.inspector2 Inspector2 Scan':
      return parseScan(event.output.detail, accountId);
    case 'aws.ecr ECR Image Action':
      return parseAction(event.output.detail);
    default:
      return ignored(`an event that pullgate does not listen to: ${kind}`);
  }
}

function parseOurs(json: object): Parsed<Request> {
  const message = v.safeParse(ours, json);
  if (!message.success) return { ok: false, problems: problemsFrom(message.issues, '') };
  const { pullgate: kind, ...rest } = message.output;
  return { ok: true, value: { kind, ...rest } as Request };
}

function parseFinding(detail: unknown, accountId: string): Parsed<Request> {
  const finding = v.safeParse(findingDetail, detail);
  if (!finding.success) return { ok: false, problems: problemsFrom(finding.issues, 'detail') };
  const { findingArn, status, resources } = finding.output;
  const images: Named[] = [];
  for (const [place, { type, details }] of resources.entries()) {
    if (type !== ECR_IMAGE) continue;
    const image = v.safeParse(containerImage, details);
    if (!image.success)
      return { ok: false, problems: problemsFrom(image.issues, `detail.resources[${place}].details`) };
    const { repositoryName, imageHash, registry } = image.output.awsEcrContainerImage;
    if (registry !== accountId) return ignored(`an image of the registry ${registry}`);
    images.push({
      repository: repositoryName,
      digest: imageHash,
      trigger: 'finding',
      activeFinding: status === 'ACTIVE' ? findingArn : undefined,
    });
  }
  const [first, ...others] = images;
  if (first === undefined) return ignored(`a finding of ${resources.map(({ type }) => type).join(', ') || 'nothing'}`);
  return { ok: true, value: { kind: 'images', images: [first, ...others] } };
}

function parseScan(detail: unknown, accountId: string): Parsed<Request> {
  const scan = v.safeParse(scanDetail, detail);
  if (!scan.success) return { ok: false, problems: problemsFrom(scan.issues, 'detail') };
  const { 'repository-name': scanned, 'image-digest': image } = scan.output;
  if (scanned.accountId !== accountId) return ignored(`an image of the registry ${scanned.accountId}`);
  return oneImage(scanned.name, image, 'scan');
}

function parseAction(detail: unknown): Parsed<Request> {
  const action = v.safeParse(actionDetail, detail);
  if (!action.success) return { ok: false, problems: problemsFrom(action.issues, 'detail') };
  const { 'action-type': type, result, 'repository-name': name, 'image-digest': image } = action.output;
  if (result !== 'SUCCESS') return ignored(`an action on an image with the result ${result}`);
  if (type === 'PUSH') return oneImage(name, image, 'push');
  return type === 'DELETE' ? oneImage(name, image, 'delete') : ignored(`an action on an image of the type ${type}`);
}

function oneImage(name: string, image: string, trigger: Trigger): Parsed<Request> {
  return { ok: true, value: { kind: 'images', images: [{ repository: name, digest: image, trigger }] } };
}

function ignored(why: string): Parsed<Request> {
  return { ok: true, value: { kind: 'ignored', why } };
}
