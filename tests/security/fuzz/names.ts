// The rules of names once more, said otherwise than in the code that is tested.
import { must } from './target.ts';

const SEPARATORS = ['.', '_', '-'];

/** The rule of shared/policy/repository-name.ts. */
export function isRepositoryName(name: string): boolean {
  const isPlain = (sign: string) => (sign >= 'a' && sign <= 'z') || (sign >= '0' && sign <= '9');
  const segments = name.split('/');
  return (
    name.length <= 256 &&
    isPlain(name.charAt(0)) &&
    segments.every((segment) => segment.replaceAll('.', '') !== '') &&
    [...segments.join('')].every((sign) => isPlain(sign) || SEPARATORS.includes(sign))
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
