// The interface of a scratch repository in one cloud: what `prove` makes, changes and removes with the operator's
// credentials.
import type { Gate } from '../../shared/gate/gate.ts';
import type { Client } from '../stack/client.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { BuiltImage } from './image.ts';
import { Interrupted } from './wait.ts';

/** The first part of the name of every scratch repository. */
export const SCRATCH = 'pullgate-prove';

/** The answer of a registry to a pull. */
export interface Pull {
  /** The HTTP status of the step that failed; 200 if the whole image was read. */
  readonly status: number;
  /** The body of the refusal, as the registry sent it. Empty if the image was read. */
  readonly body: string;
}

export interface Scratch {
  readonly client: Client;
  readonly repository: string;
  /** The host of the registry. */
  readonly host: string;
  /** The gate that closes for an image. */
  gate(digest: string): Gate;
  /** Whether the lock of an image leaves the other images of the repository pullable. */
  readonly locksImages: boolean;
  /** Whether the scanner tells when it has scanned an image without findings. */
  readonly tellsScans: boolean;
  /** A command with which a person removes the repository. */
  readonly removal: string;
  exists(): Promise<boolean>;
  /**
   * Makes the repository, if the registry needs that before a push.
   *
   * @throws NameTaken if another principal made it in the meantime
   */
  create(): Promise<void>;
  /** Removes the repository with everything in it. Does nothing if it does not exist. */
  remove(): Promise<void>;
  push(image: BuiltImage, tag: string): Promise<void>;
  pull(tag: string): Promise<Pull>;
  /** Can a pull with this status have been refused because of a lock, and of nothing else? */
  isRefusal(status: number): boolean;
  deleteImage(digest: string): Promise<void>;
  /** A setting that is not pullgate's, and that pullgate must not change. */
  readonly foreign: {
    readonly what: string;
    /** Sets it, and keeps what the registry then returns. */
    place(): Promise<void>;
    /** How it differs now; undefined if it does not. */
    difference(): Promise<string | undefined>;
  };
  /** Takes the lock away as a person would, without pullgate. */
  unlock(digest: string): Promise<void>;
  /** The names and types of all fields of the scanner's report about an image, such as `severity: string`. */
  reportFields(digest: string): Promise<readonly string[]>;
  /** The last pull of an image that the registry recorded. Undefined: none, or the registry does not tell. */
  lastPulledAt(digest: string): Promise<string | undefined>;
  /** Answers to questions about the cloud that its documentation leaves open. */
  unknowns(measures: Measures): readonly Unknown[];
}

/** The repository was made by another principal, so it is not removed. */
export class NameTaken extends Error {}

/** What a run has measured so far. */
export interface Measures {
  /** The digest and the times are those of the vulnerable image. */
  refusal?: Pull;
  reportFields?: readonly string[];
  /** Between the scan and the refused pull, and after the refused pull. */
  pulledAt?: { readonly before: string | undefined; readonly after: string | undefined };
  /** A scan of the fixed image, which was pushed while the gate was closed. Undefined `at`: none was finished. */
  scanWhileClosed?: { readonly at: string | undefined; readonly detail: string };
  /** When the scanner reported the vulnerability, as it says itself. */
  reportedAt?: string;
  /** When the scanner was last seen not to report the vulnerability. */
  notFoundAt?: string;
  /** Whether a sweep ran between then and the closing. If not, the scanner's event made the function close. */
  sweptMeanwhile?: boolean;
  /** The vulnerable image was deleted while its gate was closed. */
  isDeleted?: true;
  /** When the pull was refused. */
  refusedAt?: string;
  /** Why something could not be measured. */
  problems?: Partial<Record<Measurement, string>>;
}

/** What no step requires. */
export type Measurement = 'reportFields' | 'sweptMeanwhile' | 'delay' | 'pulledAt' | 'scanWhileClosed';

/** Measures something. Undefined: that failed, which fails no step, and the report says why. */
export async function measured<T>(
  measures: Measures,
  name: Measurement,
  measure: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await measure();
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    measures.problems = { ...measures.problems, [name]: sentenceOf(error) };
    return undefined;
  }
}

/** A question about the cloud, and what the run shows. */
export interface Unknown {
  readonly question: string;
  readonly settled: boolean;
  /** The observed value, or why it is not settled and where to look. */
  readonly answer: string;
  /** What is too long for the terminal. */
  readonly details?: readonly string[];
}

/** Lists the fields of a value with their types, without their values. */
export function fieldsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => fieldsOf(item, `${path}[]`)))];
  if (value instanceof Date) return [`${path}: time`];
  if (typeof value !== 'object' || value === null) return [`${path}: ${value === null ? 'null' : typeof value}`];
  return Object.entries(value).flatMap(([key, part]) => fieldsOf(part, path === '' ? key : `${path}.${key}`));
}

export function answerOf({ status, body }: Pull): string {
  return `status ${status}: ${body}`;
}

/** The answer to what a refused pull returns. Both clouds leave it open. */
export function refusalUnknown({ refusal }: Measures): Unknown {
  const question = 'What does the registry answer to a refused pull?';
  if (refusal === undefined) return notMeasured(question);
  return { question, settled: true, answer: answerOf(refusal) };
}

/** The answer to whether the scanner's event came. */
export function eventUnknown({ sweptMeanwhile, problems }: Measures): Unknown {
  const question = "Does the scanner's event reach pullgate?";
  if (sweptMeanwhile === undefined) return notMeasured(question, problems?.sweptMeanwhile);
  return sweptMeanwhile
    ? { question, settled: false, answer: 'a sweep ran before the gate closed, and may have closed it' }
    : { question, settled: true, answer: 'yes: the gate closed without a sweep' };
}

/** The answer to what fields a report of the scanner has. */
export function fieldsUnknown(what: string, { reportFields = [], problems }: Measures): Unknown {
  const question = `What fields does ${what} have?`;
  if (reportFields.length === 0) return notMeasured(question, problems?.reportFields);
  return {
    ...{ question, settled: true, details: reportFields },
    answer: `${reportFields.length} fields, which --json and --html list`,
  };
}

export function notMeasured(question: string, problem = 'the run ended before'): Unknown {
  return { question, settled: false, answer: `not measured: ${problem}` };
}
