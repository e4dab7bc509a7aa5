// The door against anything at all: it never throws, and never lets through a name or a digest that is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../aws/function/events.ts';
import { describeProblem } from '../../../shared/problem.ts';
import { ACCOUNT_ID, changed, pathsOf, SAMPLES, sampleText } from './samples.ts';

/** The grammar once more, said otherwise. */
function isRepositoryName(name: string): boolean {
  const parts = name.split('/').flatMap((segment) => segment.split(/[._-]/));
  return name.length >= 2 && name.length <= 256 && parts.every((part) => part !== '' && !/[^a-z0-9]/.test(part));
}

function isDigest(text: string): boolean {
  const [algorithm, digits, ...rest] = text.split(':');
  return algorithm === 'sha256' && rest.length === 0 && digits?.length === 64 && !/[^0-9a-f]/.test(digits);
}

/** Reads a message, and holds the answer against what the rest of the code trusts. */
function expectTrustworthy(message: string): void {
  const parsed = parseMessage(message, ACCOUNT_ID);
  if (!parsed.ok) {
    const sentences = parsed.problems.map(describeProblem);
    expect(sentences.length).toBeLessThanOrEqual(5);
    for (const sentence of sentences) {
      expect(sentence).toMatch(/^[\w.[\]-]+ (?:is missing|is .+): expected .+$/s);
      expect(sentence).not.toMatch(/[\n\r]/);
      expect(sentence.length).toBeLessThan(400);
    }
  } else if (parsed.value.kind === 'ignored') {
    expect(parsed.value.why.length).toBeLessThanOrEqual(200);
  } else if (parsed.value.kind === 'look') {
    expect(parsed.value.repository).toSatisfy(isRepositoryName);
  } else if (parsed.value.kind === 'images') {
    for (const { repository, digest } of parsed.value.images) {
      expect(repository).toSatisfy(isRepositoryName);
      expect(digest).toSatisfy(isDigest);
    }
  }
}

describe('whatever comes, it is refused, ignored, or names a repository and a digest that are ones', () => {
  it('for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), expectTrustworthy));
  });

  it('for any JSON', () => {
    fc.assert(fc.property(fc.json(), expectTrustworthy), { numRuns: 500 });
  });

  it('for any sample that is cut off', () => {
    const cut = fc.constantFrom(...SAMPLES).chain((name) => {
      const text = sampleText(name);
      return fc.nat(text.length).map((length) => text.slice(0, length));
    });
    fc.assert(fc.property(cut, expectTrustworthy), { numRuns: 200 });
  });

  it('for any sample in which any value is another', () => {
    const other = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constant(undefined));
    const mutated = fc.constantFrom(...SAMPLES).chain((name) => {
      const path = fc.constantFrom(...pathsOf(JSON.parse(sampleText(name))));
      return fc.tuple(path, other).map(([place, value]) => changed(name, place, value));
    });
    fc.assert(fc.property(mutated, expectTrustworthy), { numRuns: 500 });
  });

  it('for any name and digest that are nearly ones', () => {
    const name = fc.string({ unit: fc.constantFrom('a', '0', '.', '_', '-', '/', 'A', ' '), maxLength: 12 });
    const digest = fc
      .tuple(
        fc.constantFrom('sha256:', 'sha256', ''),
        fc.string({ unit: fc.constantFrom('0', 'f', 'g'), minLength: 63, maxLength: 65 }),
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(name, digest, (repository, imageDigest) => {
        const detail = {
          result: 'SUCCESS',
          'action-type': 'PUSH',
          'repository-name': repository,
          'image-digest': imageDigest,
        };
        const message = changed('ecr-image-push', ['detail'], detail);
        expectTrustworthy(message);
        expect(parseMessage(message, ACCOUNT_ID).ok).toBe(isRepositoryName(repository) && isDigest(imageDigest));
      }),
      { numRuns: 500 },
    );
  });
});
