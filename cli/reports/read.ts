// Reads reports of findings from files or stdin, however large: which format, then its findings, gathered by image.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { sentenceOf, UsageError } from '../ending.ts';
import type { Progress } from '../progress.ts';
import { type Beginning, beginningOf, type DocumentReader, readDocuments } from './documents.ts';
import { type Format, formatOf, unknownFormat } from './formats.ts';
import type { Gathering } from './gathering.ts';

export interface ReadOptions {
  /** Overrules what the file itself says. */
  readonly format?: Format | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly progress: Progress;
  /** Which repositories of ECR have gates. */
  readonly includes: (repository: string) => boolean;
  /** Milliseconds since 1970: when a row counts that does not say when it was made. */
  readonly now: number;
}

/** The name of stdin. */
export const STDIN = '-';
const CHUNK_BYTES = 256 * 1024;
/** After so much of a file it must have said what it is. */
const BEGINNING_BYTES = 1024 * 1024;

/**
 * Reads one file into the gathering.
 *
 * @param file its path, or `-` for stdin
 * @returns the format that it had
 * @throws UsageError where it cannot be read, is not JSON, or is no report that pullgate knows
 */
export async function readReport(file: string, gathering: Gathering, options: ReadOptions): Promise<Format> {
  const { chunks, name, size } = await source(file, options.stdin);
  const iterator = chunks[Symbol.asyncIterator]();
  const { first, beginning, format } = await recognise(iterator, name, options.format);
  const reader = await readerOf(format, gathering, beginning, name, options);
  let bytes = 0;
  const before = gathering.count();
  await readDocuments(rest(first, iterator), name, reader, (more) => {
    bytes += more;
    options.progress.show(
      () => `${megabytes(bytes, size)} of ${name}, ${(gathering.count() - before).toLocaleString('en-US')} findings`,
    );
  });
  reader.finish?.();
  return format;
}

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly name: string;
  /** In bytes; undefined where nobody knows. */
  readonly size: number | undefined;
}

async function source(file: string, stdin: AsyncIterable<Uint8Array>): Promise<Source> {
  if (file === STDIN) return { chunks: stdin, name: 'stdin', size: undefined };
  try {
    // Opened before anything is promised: a folder, or a file that nobody may read, is a sentence and no crash later.
    const handle = await open(file);
    const stat = await handle.stat();
    if (stat.isDirectory()) {
      await handle.close();
      throw new UsageError(`${file} is a folder: give the reports in it as files`);
    }
    const chunks = createReadStream('', { fd: handle, highWaterMark: CHUNK_BYTES });
    return { chunks, name: file, size: stat.isFile() ? stat.size : undefined };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${file} cannot be read (${sentenceOf(cause)}): give a report of findings, or - for stdin`, {
      cause,
    });
  }
}

/** Reads on until the beginning tells what it is the beginning of. */
async function recognise(iterator: AsyncIterator<Uint8Array>, name: string, wanted: Format | undefined) {
  const first: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = await iterator.next();
    if (next.done !== true) {
      if (bytes === 0) refuseUtf16(next.value, name);
      first.push(next.value);
      bytes += next.value.length;
    }
    const isAll = next.done === true || bytes >= BEGINNING_BYTES;
    if (isAll && bytes === 0) throw new UsageError(`${name} is empty: give a report of findings`);
    const beginning = beginningOf(first, name);
    const format = formatOf(beginning);
    if (wanted !== undefined && (isAll || format === wanted)) return { first, beginning, format: wanted };
    if (wanted === undefined && format !== undefined) return { first, beginning, format };
    if (isAll) throw unknownFormat(name, beginning);
  }
}

/** What `>` writes in Windows PowerShell. */
function refuseUtf16(bytes: Uint8Array, name: string): void {
  const mark = `${bytes[0]},${bytes[1]}`;
  if (mark !== '255,254' && mark !== '254,255') return;
  throw new UsageError(
    `${name} is in UTF-16, as Windows PowerShell's > writes it: write it in UTF-8 (| Out-File -Encoding utf8)`,
  );
}

type FinishingReader = DocumentReader & { readonly finish?: () => void };

/** What a format needs is loaded only where it is read: Inspector's brings the SDK along. */
async function readerOf(
  format: Format,
  gathering: Gathering,
  beginning: Beginning,
  name: string,
  { includes, now }: ReadOptions,
): Promise<FinishingReader> {
  switch (format) {
    case 'inspector':
      return (await import('./inspector.ts')).inspectorReader(gathering, beginning, name, includes);
    case 'defender':
      return (await import('./defender.ts')).defenderReader(gathering, beginning, name, now);
    case 'trivy':
      return (await import('./scanner-reports.ts')).trivyReader(gathering, name);
    case 'grype':
      return (await import('./scanner-reports.ts')).grypeReader(gathering, name);
  }
}

async function* rest(first: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return;
    yield next.value;
  }
}

function megabytes(bytes: number, size: number | undefined): string {
  const inMegabytes = (value: number) => (value / 1e6).toFixed(value < 1e7 ? 1 : 0);
  return size === undefined ? `${inMegabytes(bytes)} MB` : `${inMegabytes(bytes)} of ${inMegabytes(size)} MB`;
}
