// Finds the images of dead-lettered events that no row in Log Analytics confirms.
import type { Adapters } from '../../azure/function/adapters.ts';
import { type ImageLocation, locateImage } from '../../azure/function/attribution.ts';
import { WINDOWS } from '../../azure/function/findings.ts';
import { decoded } from '../../azure/function/loose-json.ts';
import { type Message, parseMessage } from '../../azure/function/parse.ts';
import { type QueueService, readMessage } from '../../azure/function/queue.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';

type ImageMessage = Extract<Message, { readonly kind: 'image' }>;

/** The most that one call returns. Source: https://learn.microsoft.com/rest/api/storageservices/peek-messages */
export const MAX_PEEKED = 32;
const MESSAGES_AT_ONCE = 4;

/** The images, as in `registry.azurecr.io/repository@digest`. Peeks at the poison queue, and changes nothing. */
export async function findImagesWithoutRow(
  adapters: Adapters,
  queues: QueueService,
  poisonQueueUrl: string,
): Promise<readonly string[]> {
  const url = `${poisonQueueUrl}/messages?peekonly=true&numofmessages=${MAX_PEEKED}`;
  const { bodyAsText } = await queues.send('GET', url);
  const messages = imageMessages(bodyAsText ?? '');
  const images = await mapConcurrently(messages, MESSAGES_AT_ONCE, async (message) => {
    const locations = await locationsOf(message, adapters);
    const confirmed = await Promise.all(locations.map((location) => hasRow(location, message, adapters)));
    // One registry that shows the row is enough, as in the function.
    return confirmed.includes(true) ? [] : locations.map((location) => nameOf(location, message));
  });
  return [...new Set(images.flat())].toSorted();
}

/** The events about images among the messages. */
function imageMessages(xml: string): readonly ImageMessage[] {
  return [...xml.matchAll(/<MessageText>([^<]*)<\/MessageText>/g)].flatMap(([, text = '']) => {
    const parsed = parseMessage(decoded(readMessage(fromXml(text))));
    const message = parsed.ok ? parsed.value.message : undefined;
    return message?.kind === 'image' && message.assessment !== undefined ? [message] : [];
  });
}

/** Source: https://www.w3.org/TR/xml/#sec-predefined-ent */
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function fromXml(text: string): string {
  return text.replaceAll(/&(\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
}

/** Where the image is. An image that no longer exists needs no row. */
async function locationsOf(message: ImageMessage, adapters: Adapters): Promise<readonly ImageLocation[]> {
  const { registries, registryAt, registryOfStack } = adapters;
  const { registry, repository, digest } = message;
  const named = registry === undefined ? undefined : await registryOfStack(registry);
  if (registry !== undefined && named === undefined) return [];
  if (named === undefined || message.isDashed === true) {
    const searched = named === undefined ? (await registries.usable()).map(registryAt) : [named];
    return (await locateImage(message, searched)).locations;
  }
  return (await named.has(repository, digest)) ? [{ registry: named, repository }] : [];
}

async function hasRow(
  { registry: { resolved }, repository }: ImageLocation,
  { digest, assessment }: ImageMessage,
  { scanner }: Adapters,
): Promise<boolean> {
  const reports = await scanner.reportsOf(resolved, { repository, digest, window: WINDOWS.everything });
  return (reports.get(digest) ?? []).some(({ id }) => id === assessment);
}

function nameOf({ registry, repository }: ImageLocation, { digest }: ImageMessage): string {
  return `${registry.resolved.loginServer}/${repository}@${digest}`;
}
