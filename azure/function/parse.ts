// Input validation: one queue message in, the gate that it names out. After this, types are trusted.
import * as v from 'valibot';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { FUNCTION_TRIGGERS, type FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { check, describeProblem, type Parsed, required } from '../../shared/runtime/problem.ts';
import { pick, textOf } from './loose-json.ts';
import { checkImage, isOfContainerImage, MAX_ID_CHARACTERS, type NamedImage, readImage } from './named-image.ts';
import { nameOf, type RegistryId, registryIn } from './registry-id.ts';

/** What a message asks for. */
export type Message =
  /** Reconcile an image that Defender has reported on. */
  | ({
      readonly kind: 'image';
      /** Undefined if the event names none: then the image's digest tells which of the stack's registries have it. */
      readonly registry: RegistryId | undefined;
      /**
       * The name of the assessment that the event is about; undefined if it was deleted: then nothing has to confirm
       * it.
       */
      readonly assessment: string | undefined;
      /** When the event came. */
      readonly at: Instant | undefined;
    } & NamedImage)
  /** Reconcile a whole repository, or one image. */
  | {
      readonly kind: 'reconcile';
      readonly registry: RegistryId;
      readonly repository: string;
      readonly digest: string | undefined;
      readonly trigger: FunctionTrigger;
    }
  /** About a container image, and it does not say which. */
  | { readonly kind: 'unattributed'; readonly assessment: string; readonly why: string }
  /** Not ours, and nothing wrong with it. */
  | { readonly kind: 'ignored'; readonly why: string };

/** A message that was understood. */
export interface Received {
  readonly message: Message;
  /** The message as it was handed over. */
  readonly payload: object;
  /** The number of its retries so far. */
  readonly tries: number;
}

const MAX_WHY_CHARACTERS = 200;
/** No message is retried more often than this. */
const MAX_TRIES = 100;

const REGISTRY =
  'the id of a registry: /subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME';
const registryId = required(
  v.pipe(
    v.string(REGISTRY),
    v.rawTransform(({ dataset, addIssue, NEVER }): RegistryId => {
      const id = registryIn(dataset.value);
      if (id !== undefined && dataset.value.endsWith(`/${id.name}`)) return id;
      addIssue({ message: REGISTRY });
      return NEVER;
    }),
  ),
);

const reconcileMessage = v.object({
  pullgate: required(v.literal('reconcile', 'reconcile')),
  registry: registryId,
  repository: required(repositoryName),
  digest: v.optional(imageDigest),
  trigger: required(v.picklist(FUNCTION_TRIGGERS, `one of ${FUNCTION_TRIGGERS.join(', ')}`)),
});

const ASSESSMENT = 'the id of an assessment, up to 1000 characters, whose last part is its name';
const DETAILS = 'what the event says of the assessment, as JSON text';
const AT = 'the time of the event, such as 2026-01-31T12:00:00Z';
const identifiers = v.object({
  assessment: required(
    v.pipe(
      v.string(ASSESSMENT),
      v.maxLength(MAX_ID_CHARACTERS, ASSESSMENT),
      v.regex(/^\/[-\p{L}\p{N}_.()/~:]+\/[0-9a-z][0-9a-z-]{0,99}$/iu, ASSESSMENT),
    ),
  ),
  repository: v.optional(repositoryName),
  digest: v.optional(imageDigest),
  resourceDetails: v.nullish(v.string(DETAILS)),
  resourceAdditionalData: v.nullish(v.string(DETAILS)),
  assessmentEventDataEnrichment: v.nullish(v.string(DETAILS)),
  at: v.nullish(
    v.pipe(
      v.string(AT),
      v.maxLength(40, AT),
      v.check((given) => !Number.isNaN(Date.parse(given)), AT),
    ),
  ),
});
const tries = v.object({
  tries: v.optional(
    v.pipe(
      v.number('a number'),
      v.integer('a whole number'),
      v.minValue(0, '0 or more'),
      v.maxValue(MAX_TRIES, 'fewer'),
    ),
    0,
  ),
});

/**
 * Reads one message of the queue: what the Logic App makes of an event, or one of our own.
 *
 * @param payload the message as the Functions host hands it over: JSON text is decoded already
 */
export function parseMessage(payload: unknown): Parsed<Received> {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return { ok: false, problems: [{ key: 'message', given: payload, allowed: 'a JSON object' }] };
  }
  const counted = check(tries, payload, '');
  if (!counted.ok) return counted;
  const message = 'pullgate' in payload ? parseReconcile(payload) : parseIdentifiers(payload);
  return message.ok ? { ok: true, value: { message: message.value, payload, tries: counted.value.tries } } : message;
}

function parseReconcile(message: object): Parsed<Message> {
  const asked = check(reconcileMessage, message, '');
  if (!asked.ok) return asked;
  const { registry, repository, digest, trigger } = asked.value;
  return { ok: true, value: { kind: 'reconcile', registry, repository, digest, trigger } };
}

/** What an event names, before it is checked. */
interface Named {
  readonly assessment: string;
  readonly resource: string;
  readonly details: unknown;
  readonly image: ReturnType<typeof readImage>;
}

/**
 * What an event is about: `foreign` is neither a registry nor an image that may be in one, and an `image` may be in any
 * registry. Undefined if it has no id that tells.
 */
function classify({
  assessment,
  resource,
  details,
  image,
}: Named): 'foreign' | 'registry' | 'imageOfRegistry' | 'image' | undefined {
  if (assessment === '') return undefined;
  const isOfImage = Object.keys(image).length > 0 || isOfContainerImage(details);
  const namesRegistry = `${assessment} ${resource}`.toLowerCase().includes('/microsoft.containerregistry/');
  if (namesRegistry) return isOfImage ? 'imageOfRegistry' : 'registry';
  const mayBeInAzure = /^(azure)?$/i.test(textOf(pick(details, 'source')));
  return isOfImage && mayBeInAzure ? 'image' : 'foreign';
}

/** The rules are coarse: events of machines arrive too, whose ids and details need not have our form. */
function parseIdentifiers(message: object): Parsed<Message> {
  const given: Readonly<Record<string, unknown>> = { ...message };
  const [assessment, details] = [textOf(given['assessment']), given['resourceDetails']];
  const resource = textOf(pick(details, 'id'));
  const image = readImage([given['resourceAdditionalData']], [resource, assessment]);
  const subject = classify({ assessment, resource, details, image });
  if (subject === 'foreign') return ignored(`an assessment of something else than a registry: ${assessment}`);
  const event = check(identifiers, { ...given, ...image }, '');
  if (!event.ok) {
    return subject === 'image' ? unattributed(assessment, event.problems.map(describeProblem).join('; ')) : event;
  }
  if (subject === 'registry') return ignored(`an assessment of no image: ${assessment}`);
  const named = checkImage(image);
  if (named === undefined) return unattributed(assessment, 'it names no repository with a digest');
  const { assessmentEventDataEnrichment: enrichment, at } = event.value;
  const isDeleted = textOf(pick(enrichment, 'action')).toLowerCase() === 'delete';
  return {
    ok: true,
    value: {
      kind: 'image',
      registry: registryIn(assessment) ?? registryIn(resource),
      ...named,
      assessment: isDeleted ? undefined : nameOf(assessment),
      at: at == null ? undefined : new Date(at).toISOString(),
    },
  };
}

function unattributed(assessment: string, why: string): Parsed<Message> {
  return { ok: true, value: { kind: 'unattributed', assessment: assessment.slice(0, MAX_ID_CHARACTERS), why } };
}

function ignored(why: string): Parsed<Message> {
  return { ok: true, value: { kind: 'ignored', why: why.slice(0, MAX_WHY_CHARACTERS) } };
}
