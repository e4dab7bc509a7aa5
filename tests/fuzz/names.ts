// The grammars of names once more, said otherwise than in the code that is tested.
import { must } from './target.ts';

/** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html */
export function isEcrName(name: string): boolean {
  const parts = name.split('/').flatMap((segment) => segment.split(/[._-]/));
  return name.length >= 2 && name.length <= 256 && parts.every((part) => part !== '' && !/[^a-z0-9]/.test(part));
}

/** Source: https://learn.microsoft.com/azure/container-registry/container-registry-concepts#repository-name */
export function isAcrName(name: string): boolean {
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

export function isDigest(text: string): boolean {
  const [algorithm, digits, ...rest] = text.split(':');
  return algorithm === 'sha256' && rest.length === 0 && digits?.length === 64 && !/[^0-9a-f]/.test(digits);
}

/** What refuses says in a few short lines what was given and what is allowed. */
export function mustBeSentences(sentences: readonly string[], most: number): void {
  must(sentences.length > 0 && sentences.length <= most, `there are 1 to ${most} problems`, sentences.length);
  for (const sentence of sentences) {
    must(/^[\s\S]*? (?:is missing|is [\s\S]+): expected [\s\S]+$/.test(sentence), 'a problem is a sentence', sentence);
  }
}
