// Reads JSON documents from a stream, one after the other, and passes on the values at some paths. Nothing else is
// kept.
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { UsageError } from '../terminal/ending.ts';
import type { Gathering } from './gathering.ts';

/** How a kind of report is read. */
export interface DocumentReader {
  /** Where the values are, such as `$.findings.*`. */
  readonly paths: readonly string[];
  /** @param key of the value in what it is in: a name, or an index of a list */
  take(value: unknown, key: string | number | undefined, depth: number): void;
  /** A document is complete. */
  endDocument(document: Outermost): void;
}

/** What reading one report takes. */
export interface ReportInput {
  /** Of the file, for messages. */
  readonly name: string;
  readonly beginning: Beginning;
  readonly gathering: Gathering;
  /** Which repositories of ECR have gates. */
  readonly includes: (repository: string) => boolean;
  /** In milliseconds since 1970: the time of a row that has none. Resource Graph shows what is so now. */
  readonly now: number;
}

/**
 * The keys of a document's outermost object with their values; a list or an object appears as an empty one. Empty if
 * the document is a list.
 */
export type Outermost = ReadonlyMap<string, unknown>;

/**
 * Requires a list: something else in its place is an error message, and must not count as a report without findings.
 *
 * @throws UsageError if the key is there and its value is not a list
 */
export function mustBeList(name: string, document: Outermost, key: string, { mayBeNull = false } = {}): void {
  const given = document.get(key);
  if (!document.has(key) || Array.isArray(given) || (mayBeNull && given === null)) return;
  throw new UsageError(`${name}: ${describeProblem({ key, given, allowed: 'a list' })}. Give a complete report`);
}

/** Follows the tokens of documents: how deep they are, and which keys the outermost object has, with what. */
function follower(onKey: (key: string, depth: number, value: unknown) => void, onEnd: () => void) {
  let depth = 0;
  let text = '';
  let key: string | undefined;
  return (token: TokenType, value: unknown): void => {
    if (key !== undefined) {
      onKey(key, depth, token === TokenType.LEFT_BRACKET ? [] : token === TokenType.LEFT_BRACE ? {} : value);
      key = undefined;
    }
    switch (token) {
      case TokenType.STRING:
        if (depth <= 2) text = String(value);
        return;
      case TokenType.COLON:
        if (depth <= 2) key = text;
        return;
      case TokenType.LEFT_BRACE:
      case TokenType.LEFT_BRACKET:
        depth += 1;
        return;
      case TokenType.RIGHT_BRACE:
      case TokenType.RIGHT_BRACKET:
        depth -= 1;
        if (depth === 0) onEnd();
    }
  };
}

/** What the beginning of a file shows: enough to recognize the format. */
export interface Beginning {
  /** The keys of the outermost object, or of the objects in the outermost list. */
  readonly keys: ReadonlySet<string>;
  readonly isList: boolean;
}

/** Reads the beginning of a file, as far as it is there; the document may be longer. */
export function beginningOf(chunks: readonly Uint8Array[], name: string): Beginning {
  const keys = new Set<string>();
  let isList: boolean | undefined;
  let documents = 0;
  const follow = follower(
    (key, depth) => {
      if (documents === 0 && depth === (isList === true ? 2 : 1)) keys.add(key);
    },
    () => {
      documents += 1;
    },
  );
  const tokenizer = new Tokenizer({ separator: '' });
  tokenizer.onToken = ({ token, value }) => {
    isList ??= token === TokenType.LEFT_BRACKET;
    follow(token, value);
  };
  explainErrors(name, () => {
    for (const chunk of chunks) tokenizer.write(chunk);
  });
  return { keys, isList: isList ?? false };
}

/**
 * Reads all documents of a stream.
 *
 * @param name of the file, for messages
 * @param onChunk takes the number of bytes, for the progress
 * @throws UsageError if the stream is not JSON, or ends in the middle of a document
 */
export async function readDocuments(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  reader: DocumentReader,
  onChunk: (bytes: number) => void,
): Promise<void> {
  let document = new Map<string, unknown>();
  let documents = 0;
  const follow = follower(
    (key, depth, value) => {
      if (depth === 1) document.set(key, value);
    },
    () => {
      reader.endDocument(document);
      document = new Map();
      documents += 1;
    },
  );
  const tokenizer = new Tokenizer({ separator: '' });
  const parser = new TokenParser({ paths: [...reader.paths], keepStack: false, separator: '' });
  parser.onValue = ({ value, key, stack }) => reader.take(value, key, stack.length);
  let at = 0;
  tokenizer.onToken = (parsed) => {
    at = parsed.offset;
    parser.write(parsed);
    if (!parsed.partial) follow(parsed.token, parsed.value);
  };
  for await (const chunk of chunks) {
    explainErrors(
      name,
      () => tokenizer.write(chunk),
      () => at,
    );
    onChunk(chunk.length);
  }
  explainErrors(name, () => {
    tokenizer.end();
    parser.end();
  });
  if (documents === 0) throw new UsageError(`${name} is empty: give a report of findings`);
}

/** Turns errors of the text into errors of the user; what a reader says about its meaning stays as it is. */
function explainErrors(name: string, work: () => void, at?: () => number): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (!isOfParser(cause)) throw cause;
    const { message } = cause;
    const where = /absolute position "(\d+)"/.exec(message)?.[1] ?? at?.();
    const what = /ended in/.test(message)
      ? 'ends in the middle: it was not written to its end'
      : `is not JSON${where === undefined ? '' : ` (at byte ${where})`}`;
    throw new UsageError(`${name} ${what}. Give the report as the scanner wrote it, in UTF-8`, { cause });
  }
}

function isOfParser(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === 'ERR_ENCODING_INVALID_ENCODED_DATA' || /^Unexpected |^(?:Tokenizer|Parser) ended /.test(error.message)
  );
}
