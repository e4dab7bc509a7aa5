// The definition of an image digest, for both clouds and the commands.
import * as v from 'valibot';

/** What a digest must be, as error messages describe it. */
export const DIGEST = 'a digest: sha256: and 64 hexadecimal digits';

export const DIGEST_PATTERN = /^sha256:[0-9a-f]{64}$/;

/** The schema of a digest. */
export const digest = v.pipe(v.string(DIGEST), v.regex(DIGEST_PATTERN, DIGEST));
