// The schema of a digest.
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { DIGEST, digest } from '../../../shared/policy/digest.ts';

const HEX = '0123456789abcdef'.repeat(4);

it.each<[string, unknown, boolean]>([
  ['sha256 and 64 hexadecimal digits', `sha256:${HEX}`, true],
  ['upper case', `sha256:${HEX.toUpperCase()}`, false],
  ['one digit too few', `sha256:${HEX.slice(1)}`, false],
  ['one digit too many', `sha256:${HEX}0`, false],
  ['another algorithm', `sha512:${HEX}`, false],
  ['a newline at the end', `sha256:${HEX}\n`, false],
  ['not a text', 7, false],
])('%s', (_name, given, isDigest) => {
  const { success, issues } = v.safeParse(digest, given);
  expect([success, issues?.[0].message]).toEqual([isDigest, isDigest ? undefined : DIGEST]);
});
