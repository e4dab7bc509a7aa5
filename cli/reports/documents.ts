// Reads JSON documents from a stream, one after the other, and passes on the values at the given paths. It keeps
// nothing else in memory.
import { Tokenizer, TokenParser, TokenType } from '@streamparser/json';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { UsageError } from '../terminal/ending.ts';
import type { Gathering } from './gathering.ts';

/** How to read one format. */
export interface DocumentReader {
  /** The paths of the values, such as `$.findings.*`. */
  readonly paths: readonly string[];
  /** @param key the key of the value in its parent: a name, or an index in a list */
  take(value: unknown, key: string | number | undefined, depth: number): void;
  /** Called when a document is complete. */
  endDocument(document: Outermost): void;
}

/** What is needed to read one report. */
export interface ReportInput {
  /** The name of the file, for messages. */
  readonly name: string;
  readonly beginning: Beginning;
  readonly gathering: Gathering;
  /** Does this repository of a cloud have a gate? */
  readonly includes: Readonly<Record<'aws' | 'azure', (repository: string) => boolean>>;
  /** The current time, in milliseconds since 1970. Used for rows without a time: Resource Graph shows current data. */
  readonly now: number;
}

/**
 * The keys and values of a document's outermost object. Lists and objects appear empty. Has no keys if the document is
 * a list.
 */
export type Outermost = ReadonlyMap<string, unknown>;

/**
 * Requires a list. Any other value is probably an error message, and must not pass as a report without findings.
 *
 * @throws UsageError if the key exists and its value is not a list
 */
export function mustBeList(name: string, document: Outermost, key: string, { mayBeNull = false } = {}): void {
  const given = document.get(key);
  if (!document.has(key) || Array.isArray(given) || (mayBeNull && given === null)) return;
  throw new UsageError(`${name}: ${describeProblem({ key, given, allowed: 'a list' })}. Give a complete report`);
}

/** Follows the tokens of documents: tracks the depth, and reports each key with its value and depth. */
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

/** The parts of the beginning of a file that identify its format. */
export interface Beginning {
  /** The keys of the outermost object, or of the objects in the outermost list. */
  readonly keys: ReadonlySet<string>;
  readonly isList: boolean;
  /** It is neither a list nor an object, such as `null`. */
  readonly isNothing: boolean;
}

/** Reads the beginning of a file. The document may be longer. */
export function beginningOf(chunks: readonly Uint8Array[], name: string): Beginning {
  const keys = new Set<string>();
  let isList: boolean | undefined;
  let isNothing = false;
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
    if (isList === undefined) isNothing = token !== TokenType.LEFT_BRACKET && token !== TokenType.LEFT_BRACE;
    isList ??= token === TokenType.LEFT_BRACKET;
    follow(token, value);
  };
  explainErrors(name, () => {
    for (const chunk of chunks) tokenizer.write(chunk);
  });
  return { keys, isList: isList ?? false, isNothing };
}

/**
 * Reads all documents of a stream.
 *
 * @param name the name of the file, for messages
 * @param onChunk receives the number of bytes, for the progress
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

/** Converts errors of the JSON parser to usage errors. Errors of a reader stay unchanged. */
function explainErrors(name: string, work: () => void, at?: () => number): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (!isOfParser(cause)) throw cause;
    const { message } = cause;
    const where = /absolute position "(\d+)"/.exec(message)?.[1] ?? at?.();
    const what = /ended in/.test(message)
      ? 'ends in the middle of a document'
      : `is not JSON${where === undefined ? '' : ` (at byte ${where})`}`;
    throw new UsageError(`${name} ${what}. Give the complete report as the scanner wrote it, in UTF-8`, { cause });
  }
}

function isOfParser(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    code === 'ERR_ENCODING_INVALID_ENCODED_DATA' || /^Unexpected |^(?:Tokenizer|Parser) ended /.test(error.message)
  );
}
