// One queue: its messages, with visibility and expiry on the cloud's clock.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { StorageResource } from './storage.ts';

/** A message lives seven days unless it says otherwise, and is hidden for at most as long. */
export const WEEK_SECONDS = 7 * 24 * 60 * 60;

export interface Message {
  readonly id: string;
  /** The text as it was put: base64, if the queue's readers expect that. */
  text: string;
  readonly insertedAt: Date;
  /** In milliseconds since the epoch; infinite for a message that does not expire. */
  readonly expiresAt: number;
  /** Changes with each receive and each update. */
  popReceipt: string;
  dequeueCount: number;
  /** When the message becomes visible to consumers, in milliseconds since the epoch. */
  visibleAt: number;
}

export interface Queue extends StorageResource {
  /** `https://ACCOUNT.queue.core.windows.net/NAME` */
  readonly url: string;
  /** Every message in the queue, visible or not. */
  messages(): readonly Message[];
  /** Adds a message without authorization. */
  send(text: string, options?: { readonly visibilityTimeoutSeconds?: number; readonly ttlSeconds?: number }): Message;
  /** Receives up to `max` visible messages, and hides them for the timeout. */
  receive(max: number, visibilityTimeoutSeconds: number): readonly Message[];
  delete(message: Message): void;
  /** The messages that a consumer would receive now. */
  visible(): readonly Message[];
  /** Makes a received message visible again after the timeout. Its receipt changes. */
  release(message: Message, visibilityTimeoutSeconds: number): void;
  /** When the next message becomes visible; undefined for an empty queue. */
  nextVisibleAt(): number | undefined;
  purge(): void;
}

export function createQueue(clock: Clock, resource: StorageResource): Queue {
  const messages: Message[] = [];
  const now = () => clock.now().getTime();
  const remove = (message: Message): void => {
    const place = messages.indexOf(message);
    if (place >= 0) messages.splice(place, 1);
  };
  /** Removes expired messages. */
  const alive = (): readonly Message[] => {
    for (const message of messages.filter(({ expiresAt }) => expiresAt <= now())) remove(message);
    return messages;
  };
  const visible = (): readonly Message[] =>
    alive()
      .filter(({ visibleAt }) => visibleAt <= now())
      .sort((one, other) => one.visibleAt - other.visibleAt);
  return {
    ...resource,
    url: `https://${resource.account}.queue.core.windows.net/${resource.name}`,
    messages: () => [...alive()],
    send(text, { visibilityTimeoutSeconds = 0, ttlSeconds = WEEK_SECONDS } = {}) {
      const message: Message = {
        id: randomUUID(),
        text,
        insertedAt: clock.now(),
        expiresAt: ttlSeconds === -1 ? Number.POSITIVE_INFINITY : now() + ttlSeconds * 1000,
        popReceipt: randomUUID(),
        dequeueCount: 0,
        visibleAt: now() + visibilityTimeoutSeconds * 1000,
      };
      messages.push(message);
      return message;
    },
    visible,
    receive(max, visibilityTimeoutSeconds) {
      const taken = visible().slice(0, max);
      for (const message of taken) {
        message.dequeueCount += 1;
        message.popReceipt = randomUUID();
        message.visibleAt = now() + visibilityTimeoutSeconds * 1000;
      }
      return taken;
    },
    delete: remove,
    release(message, visibilityTimeoutSeconds) {
      message.popReceipt = randomUUID();
      message.visibleAt = now() + visibilityTimeoutSeconds * 1000;
    },
    nextVisibleAt() {
      const times = alive().map(({ visibleAt }) => visibleAt);
      return times.length === 0 ? undefined : times.reduce((one, other) => Math.min(one, other));
    },
    purge: () => void messages.splice(0),
  };
}
