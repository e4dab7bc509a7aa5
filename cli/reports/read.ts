// Reads reports of findings of any size from files or stdin. Recognizes the format, and gathers the findings by image.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { counted } from '../../shared/report/sentences.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';
import type { Progress } from '../terminal/progress.ts';
import type { DefenderRows } from './defender.ts';
import { beginningOf, type DocumentReader, type Outermost, type ReportInput, readDocuments } from './documents.ts';
import { type Format, formatOf, unknownFormat } from './formats.ts';
import type { Gathering } from './gathering.ts';

export interface ReadOptions extends Pick<ReportInput, 'includes' | 'now'> {
  /** Takes precedence over the detected format. */
  readonly format?: Format | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly progress: Progress;
}

/** The file name that means stdin. */
export const STDIN = '-';
const CHUNK_BYTES = 256 * 1024;
/** The first line of a file of another kind is not longer. */
const LINE_BYTES = 10_000;
/** Names of columns. */
const CSV_HEADER = /^"?[\w .]+"?(?:,"?[\w .]+"?)+$/;
/** The format must be recognizable in this part of the file. */
const BEGINNING_BYTES = 1024 * 1024;

/** The result for all files of a run. */
export interface ReadReports {
  /** The format of each file. */
  readonly formats: readonly Format[];
  /** One sentence for each report that is incomplete. */
  readonly notes: readonly string[];
}

/** The state across the files of a run. */
interface Run {
  /** Undefined until a file is in Defender's format. */
  rows: DefenderRows | undefined;
  /** The note for the last page of each query if more follow. Each page may be a separate file. */
  readonly unfinished: Map<string, string>;
  /** The rows of the pages of each query so far. A query is known by its format and its number of rows. */
  readonly rowsOf: Map<string, number>;
}

/**
 * Reads files into the gathering.
 *
 * @param files their paths, or `-` for stdin
 * @throws UsageError if a file cannot be read, is not JSON, or is not a supported report
 */
export async function readReports(
  files: readonly string[],
  gathering: Gathering,
  options: ReadOptions,
): Promise<ReadReports> {
  const run: Run = { rows: undefined, unfinished: new Map(), rowsOf: new Map() };
  const formats: Format[] = [];
  for (const file of files) formats.push(await readReport(file, gathering, run, options));
  run.rows?.finish();
  return { formats, notes: [...run.unfinished.values()] };
}

async function readReport(file: string, gathering: Gathering, run: Run, options: ReadOptions): Promise<Format> {
  const { chunks, name, size } = await source(file, options.stdin);
  const iterator = chunks[Symbol.asyncIterator]();
  const { first, beginning, format } = await recognise(iterator, name, options.format);
  const { includes, now } = options;
  const formatReader = await readerOf(format, { name, beginning, gathering, includes, now }, run);
  const reader: DocumentReader = {
    ...formatReader,
    endDocument(document) {
      formatReader.endDocument(document);
      const total = numberAt(TOTAL, document);
      const query = `${format} ${total}`;
      // Without a count, every row is taken to be there.
      const rows = (run.rowsOf.get(query) ?? 0) + (numberAt(COUNT, document) ?? total ?? 0);
      // A later query may have as many rows.
      run.rowsOf.set(query, rows < (total ?? 0) ? rows : 0);
      const key = moreIn(document, rows);
      if (key === undefined) run.unfinished.delete(query);
      else
        run.unfinished.set(
          query,
          `${name} is incomplete: ${key} shows that more pages follow, and their findings are not evaluated. ${MORE}`,
        );
    },
  };
  let bytes = 0;
  const before = gathering.count();
  await readDocuments(rest(first, iterator), name, reader, (more) => {
    bytes += more;
    options.progress.show(
      () => `${megabytes(bytes, size)} of ${name}, ${counted(gathering.count() - before, 'finding')}`,
    );
  });
  return format;
}

/** The keys by which the tools show that more pages follow: `nextToken`, `$skipToken`, `@odata.nextLink`. */
const CONTINUATION = /^(?:@odata[.]|[$])?(?:next_?token|skip_?token|next_?link)$/i;
/**
 * The keys of Resource Graph, in any case. `az graph query` prints `total_records`.
 * Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
 */
const TRUNCATED = /^result_?truncated$/i;
const TOTAL = /^total_?records$/i;
const COUNT = /^count$/i;
const MORE = 'Give all pages in order';

/**
 * The key that shows that more pages follow; undefined if this is the last one.
 *
 * @param rows the rows of the pages before this one and of this one
 */
function moreIn(document: Outermost, rows: number): string | undefined {
  const shows = ([key, value]: readonly [string, unknown]) =>
    (CONTINUATION.test(key) && typeof value === 'string' && value !== '') ||
    (TRUNCATED.test(key) && /^true$/i.test(String(value))) ||
    (TOTAL.test(key) && typeof value === 'number' && rows < value);
  return [...document].find(shows)?.[0];
}

function numberAt(key: RegExp, document: Outermost): number | undefined {
  const value = [...document].find(([name]) => key.test(name))?.[1];
  return typeof value === 'number' ? value : undefined;
}

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly name: string;
  /** In bytes; undefined if unknown. */
  readonly size: number | undefined;
}

async function source(file: string, stdin: AsyncIterable<Uint8Array>): Promise<Source> {
  if (file === STDIN) return { chunks: stdin, name: 'stdin', size: undefined };
  try {
    // The file is opened first, so that a folder or an unreadable file is reported as a sentence and not as a crash.
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

/** Reads until the format is recognizable. */
async function recognise(iterator: AsyncIterator<Uint8Array>, name: string, wanted: Format | undefined) {
  const first: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = await iterator.next();
    if (next.done !== true) {
      if (bytes === 0) refuseOtherText(next.value, name);
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

/** Windows PowerShell's `>` writes UTF-16, and the portals export CSV. */
function refuseOtherText(bytes: Uint8Array, name: string): void {
  const [line = ''] = new TextDecoder().decode(bytes.subarray(0, LINE_BYTES)).split(/\r?\n/, 1);
  if (CSV_HEADER.test(line)) {
    throw new UsageError(
      `${name} is CSV, such as an export of the Azure portal: give JSON, the output of \`az graph query\` or rows from Log Analytics`,
    );
  }
  const mark = `${bytes[0]},${bytes[1]}`;
  if (mark !== '255,254' && mark !== '254,255') return;
  throw new UsageError(
    `${name} is encoded in UTF-16, which is what > writes in Windows PowerShell: write it in UTF-8 (| Out-File -Encoding utf8)`,
  );
}

/** Creates the reader of a format. Loads its code only when needed, because Inspector's reader loads the SDK. */
async function readerOf(format: Format, report: ReportInput, run: Run): Promise<DocumentReader> {
  switch (format) {
    case 'inspector':
      return (await import('./inspector.ts')).inspectorReader(report);
    case 'defender': {
      const { defenderReader, defenderRows } = await import('./defender.ts');
      run.rows ??= defenderRows(report);
      return defenderReader(report, run.rows);
    }
    case 'trivy':
      return (await import('./scanner-reports.ts')).trivyReader(report);
    case 'grype':
      return (await import('./scanner-reports.ts')).grypeReader(report);
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
