// Short names for long texts.
import { createHash } from 'node:crypto';

/** The first 16 hexadecimal digits of a text's SHA-256 hash. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
