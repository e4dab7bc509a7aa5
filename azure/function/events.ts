// The door: one queue message in, the gate that it names out. After this, types are trusted.
import * as v from 'valibot';
import { EVENTS, type Trigger } from '../../shared/decision.ts';
import { check, type Parsed, required } from '../../shared/problem.ts';
import { repositoryName } from '../../shared/repository-name.ts';

/** What a message asks for. */
export type Request =
  /** Look at an image of which Defender has reported something. */
  | {
      readonly kind: 'image';
      readonly registry: RegistryId;
      readonly repository: string;
      readonly digest: string;
      /** The name of the assessment that the event is about; undefined where it was taken back, and nothing has to confirm it. */
      readonly assessment: string | undefined;
      /** When the event came, ISO 8601. */
      readonly at: string | undefined;
    }
  /** Look at a whole repository, or at one image. */
  | {
      readonly kind: 'look';
      readonly registry: RegistryId;
      readonly repository: string;
      readonly digest: string | undefined;
      readonly trigger: Trigger;
    }
  /** Not ours, and nothing wrong with it. */
  | { readonly kind: 'ignored'; readonly why: string };

/** A message that was understood. */
export interface Message {
  readonly request: Request;
  /** How often it has come back. */
  readonly tries: number;
}

/** The Resource Manager id of a registry, in its parts; upper and lower case do not matter. */
export interface RegistryId {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly name: string;
}

const MAX_WHY_CHARACTERS = 200;
/** More often than this no message comes back. */
const MAX_TRIES = 100;

const DIGEST = 'a digest: sha256: and 64 hexadecimal digits';
export const digestText = v.pipe(v.string(DIGEST), v.regex(/^sha256:[0-9a-f]{64}$/, DIGEST));

const REGISTRY =
  'the id of a registry: /subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME';
const REGISTRY_ID =
  /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([-\w.()]{1,90})\/providers\/Microsoft\.ContainerRegistry\/registries\/([a-z0-9-]{5,63})(\/.*)?$/i;
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

const look = v.object({
  pullgate: required(v.literal('look', 'look')),
  registry: registryId,
  repository: required(repositoryName),
  digest: v.optional(digestText),
  trigger: required(v.picklist(EVENTS, `one of ${EVENTS.join(', ')}`)),
});

const ASSESSMENT = 'the id of an assessment of a registry, up to 1000 characters, whose last part is its name';
const text = (allowed: string) => v.nullish(v.pipe(v.string(allowed), v.maxLength(1_000, allowed)));
const AT = 'the time of the event, such as 2026-01-31T12:00:00Z';
const identifiers = v.object({
  assessment: required(
    v.pipe(
      v.string(ASSESSMENT),
      v.maxLength(1_000, ASSESSMENT),
      v.regex(/^\/[-\w.()/~:]+\/[0-9a-z][0-9a-z-]{0,99}$/i, ASSESSMENT),
    ),
  ),
  repository: v.nullish(repositoryName),
  digest: v.nullish(digestText),
  resource: text('the id of the assessed resource, up to 1000 characters'),
  action: text('what was done to the assessment'),
  at: v.nullish(
    v.pipe(
      v.string(AT),
      v.maxLength(40, AT),
      v.check((given) => !Number.isNaN(Date.parse(given)), AT),
    ),
  ),
});
/** The rules are coarse: machines come too, whose ids and images need not look like ours. */
const noRegistry = v.pipe(
  v.string(),
  v.check((id) => !/\/microsoft\.containerregistry\//i.test(id)),
);
const ofSomethingElse = v.object({ assessment: noRegistry, resource: v.nullish(noRegistry) });
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
 * @param message the message as the Functions host hands it over: JSON text is decoded already
 */
export function parseMessage(message: unknown): Parsed<Message> {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    return { ok: false, problems: [{ key: 'message', given: message, allowed: 'a JSON object' }] };
  }
  const counted = check(tries, message, '');
  if (!counted.ok) return counted;
  const request = 'pullgate' in message ? parseLook(message) : parseIdentifiers(message);
  return request.ok ? { ok: true, value: { request: request.value, tries: counted.value.tries } } : request;
}

function parseLook(message: object): Parsed<Request> {
  const asked = check(look, message, '');
  if (!asked.ok) return asked;
  const { registry, repository, digest, trigger } = asked.value;
  return { ok: true, value: { kind: 'look', registry, repository, digest, trigger } };
}

function parseIdentifiers(message: object): Parsed<Request> {
  const others = v.safeParse(ofSomethingElse, message);
  if (others.success) return ignored(`an assessment of something else than a registry: ${others.output.assessment}`);
  const event = check(identifiers, message, '');
  if (!event.ok) return event;
  const { assessment, resource, action, at } = event.value;
  const registry = registryIn(assessment) ?? (resource == null ? undefined : registryIn(resource));
  if (registry === undefined) return ignored(`an assessment of something else than a registry: ${assessment}`);
  const named = imageIn(resource ?? '');
  const repository = event.value.repository ?? named?.repository;
  const digest = event.value.digest ?? named?.digest;
  if (repository == null || digest == null) return ignored(`an assessment of no image: ${assessment}`);
  const isTakenBack = action?.toLowerCase() === 'delete';
  return {
    ok: true,
    value: {
      kind: 'image',
      registry,
      repository,
      digest,
      assessment: isTakenBack ? undefined : nameOf(assessment),
      at: at == null ? undefined : new Date(at).toISOString(),
    },
  };
}

/** The registry that a resource's id names, or lies in. */
export function registryIn(id: string): RegistryId | undefined {
  const [, subscription, resourceGroup, name] = REGISTRY_ID.exec(id) ?? [];
  if (subscription === undefined || resourceGroup === undefined || name === undefined) return undefined;
  return { subscription, resourceGroup, name };
}

/** Upper and lower case of a Resource Manager id do not matter. */
export function keyOf(id: RegistryId | undefined): string | undefined {
  return id === undefined ? undefined : `${id.subscription}/${id.resourceGroup}/${id.name}`.toLowerCase();
}

/** The image in a resource's id: `/repositories/team/app/images/sha256:...`. */
export function imageIn(resource: string): { readonly repository: string; readonly digest: string } | undefined {
  const [, repository, digest] = /\/repositories\/(.+)\/images\/(sha256:[0-9a-f]{64})/i.exec(resource) ?? [];
  if (!v.is(repositoryName, repository) || !v.is(digestText, digest)) return undefined;
  return { repository, digest };
}

/** The name of an assessment, or of a sub-assessment: the last part of its id. Only together with the image it is unique. */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1).toLowerCase();
}

function ignored(why: string): Parsed<Request> {
  return { ok: true, value: { kind: 'ignored', why: why.slice(0, MAX_WHY_CHARACTERS) } };
}
