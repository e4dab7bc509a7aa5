// The rules for names again, implemented differently than in the tested code.
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

/** A rejection consists of a few short lines that contain the given value and the allowed ones. */
export function mustBeSentences(sentences: readonly string[], most: number): void {
  must(sentences.length > 0 && sentences.length <= most, `there must be 1 to ${most} problems`, sentences.length);
  for (const sentence of sentences) {
    const pattern =
      /^[\s\S]*?(?: (?:is missing|is [\s\S]+): expected [\s\S]+|: unknown key(?:; did you mean "\w+"\?)?)$/;
    must(pattern.test(sentence), 'a problem must be a sentence', sentence);
  }
}
