// The door against anything at all: it never throws, and never lets through a name, a digest or an id that is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../azure/function/events.ts';
import { describeProblem } from '../../../shared/problem.ts';
import { groupedMessage, individualMessage, REGISTRY_ID } from './samples.ts';

/** The grammar once more, said otherwise. */
function isRepositoryName(name: string): boolean {
  const gaps = name.replaceAll(/[a-z0-9]+/g, 'x').split('x');
  const inner = gaps.slice(1, -1);
  return (
    name.length <= 255 &&
    gaps.length > 1 &&
    gaps[0] === '' &&
    gaps.at(-1) === '' &&
    inner.every((gap) => ['.', '_', '__', '/'].includes(gap) || (gap !== '' && gap.replaceAll('-', '') === ''))
  );
}

function isDigest(text: string): boolean {
  const [algorithm, digits, ...rest] = text.split(':');
  return algorithm === 'sha256' && rest.length === 0 && digits?.length === 64 && !/[^0-9a-f]/.test(digits);
}

/** Reads a message, and holds the answer against what the rest of the code trusts. */
function expectTrustworthy(message: unknown): void {
  const parsed = parseMessage(message);
  if (!parsed.ok) {
    const sentences = parsed.problems.map(describeProblem);
    expect(sentences.length).toBeLessThanOrEqual(5);
    for (const sentence of sentences) {
      expect(sentence).toMatch(/^[\w.[\]-]+ (?:is missing|is .+): expected .+$/s);
      expect(sentence).not.toMatch(/[\n\r]/);
      expect(sentence.length).toBeLessThan(400);
    }
    return;
  }
  const { request, tries } = parsed.value;
  expect(tries).toSatisfy((count) => Number.isInteger(count) && count >= 0 && count <= 100);
  if (request.kind === 'ignored') {
    expect(request.why.length).toBeLessThanOrEqual(200);
    return;
  }
  expect(request.repository).toSatisfy(isRepositoryName);
  if (request.digest !== undefined) expect(request.digest).toSatisfy(isDigest);
  expect(request.registry.subscription).toMatch(/^[0-9a-f-]{36}$/i);
  expect(request.registry.resourceGroup).toMatch(/^[-\w.()]{1,90}$/);
  expect(request.registry.name).toMatch(/^[a-z0-9-]{5,63}$/i);
  if (request.kind === 'image') {
    expect(request.digest).toSatisfy(isDigest);
    if (request.assessment !== undefined) expect(request.assessment).toMatch(/^[0-9a-z][0-9a-z-]{0,99}$/);
  }
}

const SAMPLES = [
  individualMessage(),
  groupedMessage(),
  individualMessage({ repository: null, digest: null, action: 'Delete', tries: 3 }),
  { pullgate: 'look', registry: REGISTRY_ID, repository: 'team/app', trigger: 'sweep' },
];
const sample = fc.constantFrom(...SAMPLES);
/** What queries, paths and headers make something of, among what names are made of. */
const nearly = fc.string({
  unit: fc.constantFrom(...'a0._-/:~()AZ \n\0"\'`|;\\%?#*[]{}<>,=!@&$'),
  maxLength: 40,
});

describe('whatever comes, it is refused, ignored, or names a registry, a repository and a digest that are ones', () => {
  it('for anything', () => {
    fc.assert(fc.property(fc.anything(), expectTrustworthy), { numRuns: 500 });
  });

  it('for any JSON', () => {
    fc.assert(fc.property(fc.jsonValue(), expectTrustworthy), { numRuns: 500 });
  });

  it('for any sample in which any value is another', () => {
    const other = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), nearly, fc.constant(undefined));
    const mutated = sample.chain((message) =>
      fc.tuple(fc.constantFrom(...Object.keys(message)), other).map(([key, value]) => ({ ...message, [key]: value })),
    );
    fc.assert(fc.property(mutated, expectTrustworthy), { numRuns: 1_000 });
  });

  it('for any sample with something in the midst of any text', () => {
    const spoiled = sample.chain((message) =>
      fc
        .tuple(fc.constantFrom(...Object.keys(message)), fc.double({ min: 0, max: 1, noNaN: true }), nearly)
        .map(([key, share, text]) => {
          const value = String(Reflect.get(message, key));
          const place = Math.floor(share * value.length);
          return { ...message, [key]: value.slice(0, place) + text + value.slice(place) };
        }),
    );
    fc.assert(fc.property(spoiled, expectTrustworthy), { numRuns: 1_000 });
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
        const message = individualMessage({ repository, digest: imageDigest });
        expectTrustworthy(message);
        expect(parseMessage(message).ok).toBe(isRepositoryName(repository) && isDigest(imageDigest));
      }),
      { numRuns: 500 },
    );
  });
});
