// Input validation: parses a queue message into the gate that it names. Later code trusts the types.
import * as v from 'valibot';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { FUNCTION_TRIGGERS, type FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import { check, describeProblem, type Parsed, required } from '../../shared/runtime/problem.ts';
import { pick, textOf } from './loose-json.ts';
import { checkImage, isOfContainerImage, MAX_ID_CHARACTERS, type NamedImage, readImage } from './named-image.ts';
import { isRegistryEvent, parseRegistryEvent, type RegistryChange } from './registry-event.ts';
import { nameOf, type RegistryId, registryId, registryIn } from './registry-id.ts';

/** What a message requests. */
export type Message =
  /** Reconcile an image that Defender has reported on. */
  | ({
      readonly kind: 'image';
      /** Undefined if the event names none. The digest then tells which registries of the stack have the image. */
      readonly registry: RegistryId | undefined;
      /**
       * The name of the assessment that the event is about. Undefined if it was deleted, because then there is nothing
       * to confirm.
       */
      readonly assessment: string | undefined;
      /** When the event arrived. */
      readonly at: Instant | undefined;
    } & NamedImage)
  /** Reconcile a whole repository, or one image. */
  | {
      readonly kind: 'reconcile';
      readonly registry: RegistryId;
      readonly repository: string;
      readonly digest: string | undefined;
      readonly trigger: FunctionTrigger;
      readonly isIndex?: RegistryChange['isIndex'];
    }
  /** About a container image, but the event does not say which one. */
  | { readonly kind: 'unattributed'; readonly assessment: string; readonly why: string }
  /** Valid, but not relevant to the stack. */
  | { readonly kind: 'ignored'; readonly why: string };

/** A valid message. */
export interface Received {
  readonly message: Message;
  /** The message as it was received. */
  readonly payload: object;
  /** The number of its retries so far. */
  readonly tries: number;
}

const MAX_WHY_CHARACTERS = 200;
/** The most retries that a message can have. */
const MAX_TRIES = 100;

const reconcileMessage = v.object({
  pullgate: required(v.literal('reconcile', 'reconcile')),
  registry: registryId,
  repository: required(repositoryName),
  digest: v.optional(imageDigest),
  trigger: required(v.picklist(FUNCTION_TRIGGERS, `one of ${FUNCTION_TRIGGERS.join(', ')}`)),
});

const ASSESSMENT = 'an assessment id of at most 1000 characters that ends with its name';
const DETAILS = 'JSON text with details of the assessment';
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
      v.maxValue(MAX_TRIES, `at most ${MAX_TRIES}`),
    ),
    0,
  ),
});

/**
 * Parses one message of the queue: the identifiers that the Logic App forwards, an event of Event Grid, or one of the
 * stack's own messages.
 */
export function parseMessage(given: unknown): Parsed<Received> {
  const payload = unlisted(given);
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    return { ok: false, problems: [{ key: 'message', given: payload, allowed: 'a JSON object' }] };
  }
  const counted = check(tries, payload, '');
  if (!counted.ok) return counted;
  const message = parseObject(payload);
  return message.ok ? { ok: true, value: { message: message.value, payload, tries: counted.value.tries } } : message;
}

/**
 * Event Grid delivers a list of one event to some of its targets. No source says so of queues.
 * Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
 */
function unlisted(payload: unknown): unknown {
  const [event, ...others]: readonly unknown[] = Array.isArray(payload) ? payload : [];
  const isOne = typeof event === 'object' && event !== null && others.length === 0;
  return isOne && isRegistryEvent(event) ? event : payload;
}

function parseObject(payload: object): Parsed<Message> {
  if ('pullgate' in payload) return parseReconcile(payload);
  if (!isRegistryEvent(payload)) return parseIdentifiers(payload);
  const event = parseRegistryEvent(payload);
  if (!event.ok) return event;
  return typeof event.value === 'string' ? ignored(event.value) : { ok: true, value: event.value };
}

function parseReconcile(message: object): Parsed<Message> {
  const asked = check(reconcileMessage, message, '');
  if (!asked.ok) return asked;
  const { registry, repository, digest, trigger } = asked.value;
  return { ok: true, value: { kind: 'reconcile', registry, repository, digest, trigger } };
}

/** What an event names, before validation. */
interface Named {
  readonly assessment: string;
  readonly resource: string;
  readonly details: unknown;
  readonly image: ReturnType<typeof readImage>;
}

/**
 * What an event is about. `foreign` is neither a registry nor an image that may be in one. An `image` may be in any
 * registry. Undefined if no id tells.
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

/** The rules are coarse, so events about machines arrive, too. Their ids and details may have other forms. */
function parseIdentifiers(message: object): Parsed<Message> {
  const given: Readonly<Record<string, unknown>> = { ...message };
  const [assessment, details] = [textOf(given['assessment']), given['resourceDetails']];
  const resource = textOf(pick(details, 'id'));
  const image = readImage([given['resourceAdditionalData']], [resource, assessment]);
  const subject = classify({ assessment, resource, details, image });
  if (subject === 'foreign') return ignored(`not an assessment of a registry: ${assessment}`);
  const event = check(identifiers, { ...given, ...image }, '');
  if (!event.ok) {
    return subject === 'image' ? unattributed(assessment, event.problems.map(describeProblem).join('; ')) : event;
  }
  if (subject === 'registry') return ignored(`not an assessment of an image: ${assessment}`);
  const named = checkImage(image);
  if (named === undefined) return unattributed(assessment, 'the event does not name both a repository and a digest');
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
