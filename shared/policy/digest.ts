// The one definition of an image's digest, for both clouds and the commands.
import * as v from 'valibot';

/** What a digest must be: the words of every message about one that is refused. */
export const DIGEST = 'a digest: sha256: and 64 hexadecimal digits';

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** A digest that a registry can have. */
export const digest = v.pipe(v.string(DIGEST), v.regex(DIGEST_PATTERN, DIGEST));
