// What the steps of `prove` wait for: the scanner, the function and the registry.
import { isClosed } from '../../shared/gate/record.ts';
import type { Reason } from '../../shared/policy/verdict.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { counted, describeState } from '../../shared/report/sentences.ts';
import type { BuiltImage } from './image.ts';
import { rulingFor } from './ruling.ts';
import { type Measures, measured, type Scratch } from './scratch.ts';
import { spanOf, TimedOut, type Waiting, waitFor } from './wait.ts';

/** The longest waits, in minutes. */
export interface Limits {
  /** For the scanner. */
  readonly scanner: number;
  /** For the function: it closes and restores. */
  readonly function: number;
  /** For the function: it notices the deletion and opens. */
  readonly opening: number;
  /** For a scan under the lock, which is measured and not required. */
  readonly scanWhileClosed: number;
}

export interface Loop {
  readonly scratch: Scratch;
  readonly measures: Measures;
  readonly waiting: Waiting;
  readonly limits: Limits;
  /** Makes the digests of this run differ from those of every other. */
  readonly nonce: string;
  /** What to check if the scanner reports nothing. */
  readonly scannerAdvice: string;
}

export async function waitUntilFound(loop: Loop, { digest }: BuiltImage): Promise<string> {
  const { scratch, measures, waiting, limits } = loop;
  const { client, repository } = scratch;
  const { judge } = rulingFor(scratch);
  const gate = scratch.gate(digest);
  let reported = 0;
  const ask = async (): Promise<readonly Reason[] | undefined> => {
    const { images } = await client.observe(gate, [], [digest]);
    const image = images.find((one) => one.digest === digest);
    const findings = image === undefined ? [] : findingsIn(image);
    reported = findings.length;
    const verdict = judge({ repository, digest }, findings, waiting.now());
    if (verdict.kind === 'block') {
      const times = (image?.reports ?? []).flatMap(({ reportedAt }) => reportedAt ?? []);
      Object.assign(measures, { reportedAt: times.toSorted()[0] });
      return verdict.reasons;
    }
    measures.notFoundAt = waiting.now();
    return undefined;
  };
  try {
    const reasons = await waitFor('the scanner to find the vulnerability', limits.scanner, ask, waiting);
    const reportFields = await measured(measures, 'reportFields', () => scratch.reportFields(digest));
    Object.assign(measures, { reportFields });
    const names = [...new Set(reasons.map(({ finding }) => finding.vulnerability))];
    return `${counted(names.length, 'advisory', 'advisories')} that the policy blocks: ${names.slice(0, 3).join(', ')}`;
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const scan = (await client.scans(gate, [digest]).catch(() => undefined))?.get(digest);
    const heard =
      reported > 0
        ? `the scanner reports ${counted(reported, 'finding')}, none of which the policy blocks`
        : scan?.kind === 'finished'
          ? 'the scanner finished a scan and found nothing that the policy could block'
          : 'the scanner has not reported the image';
    throw new Error(`${error.message}: ${heard}. ${loop.scannerAdvice}`, { cause: error });
  }
}

export async function waitUntilLocked(loop: Loop, { digest }: BuiltImage, verb: 'close' | 'restore'): Promise<string> {
  const { client } = loop.scratch;
  const gate = loop.scratch.gate(digest);
  return waitForFunction(loop, digest, verb, async () => {
    const reading = await client.read(gate);
    if (reading === undefined || reading.lock === 'absent') return undefined;
    const { value: record } = await client.records.load(gate);
    return record !== undefined && isClosed(record.state)
      ? 'the lock is in the registry, and the record says so'
      : undefined;
  });
}

/** How often the function restored the lock, in a form to compare. */
async function restorationsOf({ scratch: { client, gate } }: Loop, { digest }: BuiltImage): Promise<string> {
  const { value: record } = await client.records.load(gate(digest));
  return JSON.stringify(record?.restorations ?? null);
}

/**
 * Removes the lock, and waits until its absence is seen, or a restoration is on record: a registry may return the lock
 * for some time after its removal, which looks as if pullgate had restored it.
 */
export async function unlock(loop: Loop, image: BuiltImage): Promise<string> {
  const { scratch, waiting, limits } = loop;
  const before = await restorationsOf(loop, image);
  await scratch.unlock(image.digest);
  const ask = async () => {
    const reading = await scratch.client.read(scratch.gate(image.digest));
    if (reading?.lock === 'absent') return 'with your own rights';
    return (await restorationsOf(loop, image)) === before ? undefined : 'with your own rights; restored by now';
  };
  try {
    return await waitFor('the registry to return no lock', limits.function, ask, waiting);
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const more = 'the registry still returns it, and no restoration is on record';
    throw new Error(`it is not shown that the lock was removed: ${error.message}: ${more}`, { cause: error });
  }
}

/** How long after the scanner's report the gate was closed, by the times of the cloud. Empty if they are not known. */
export async function delayOf({ scratch, measures: { reportedAt } }: Loop, { digest }: BuiltImage): Promise<string> {
  const { value: record } = await scratch.client.records.load(scratch.gate(digest));
  const closedAt = record?.closedSince ?? record?.since;
  if (reportedAt === undefined || closedAt === undefined) return '';
  const seconds = Math.max(0, (Date.parse(closedAt) - Date.parse(reportedAt)) / 1000);
  return `; closed ${spanOf(seconds)} after the scanner's report`;
}

export async function waitUntilOpen(loop: Loop, { digest }: BuiltImage): Promise<string> {
  const { client } = loop.scratch;
  const gate = loop.scratch.gate(digest);
  return waitForFunction(loop, digest, 'open', async () => {
    const { value: record } = await client.records.load(gate);
    if (record?.state.kind !== 'open') return undefined;
    const reading = await client.read(gate);
    return reading === undefined || reading.lock === 'absent' ? 'the lock is gone, and the record says so' : undefined;
  });
}

/** Waits for the function. At the limit, the error says what the record says. */
async function waitForFunction(
  { scratch, waiting, limits }: Loop,
  digest: string,
  verb: 'close' | 'restore' | 'open',
  ask: () => Promise<string | undefined>,
): Promise<string> {
  const limit = verb === 'open' ? limits.opening : limits.function;
  try {
    return await waitFor(`the function to ${verb} the gate`, limit, ask, waiting);
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const says = await recordOf(scratch, digest).catch(() => 'its record cannot be read');
    throw new Error(`${error.message}: ${says}. Look at the function's log (docs/operations.md)`, { cause: error });
  }
}

async function recordOf({ client, gate }: Scratch, digest: string): Promise<string> {
  const { value: record } = await client.records.load(gate(digest));
  return record === undefined ? 'there is no record of it' : `its record says: ${describeState(record.state)}`;
}

/** It is no failure if there is no scan in time: the run measures it. */
export async function measureScan(
  { scratch, measures, waiting, limits }: Loop,
  { digest }: BuiltImage,
): Promise<string> {
  const gate = scratch.gate(digest);
  const start = Date.parse(waiting.now());
  let detail = 'the scanner does not list the image';
  const ask = async () => {
    const scan = (await scratch.client.scans(gate, [digest])).get(digest);
    if (scan?.kind === 'unproven') detail = scan.detail;
    return scan?.kind === 'finished' ? scan.at : undefined;
  };
  try {
    const at = await waitFor('a scan of the fixed image', limits.scanWhileClosed, ask, waiting);
    const took = spanOf((Date.parse(waiting.now()) - start) / 1000);
    measures.scanWhileClosed = { at, detail: `a scan was finished ${took} after the push` };
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    measures.scanWhileClosed = {
      at: undefined,
      detail: `no finished scan within ${limits.scanWhileClosed}m: ${detail}`,
    };
  }
  return measures.scanWhileClosed.detail;
}
