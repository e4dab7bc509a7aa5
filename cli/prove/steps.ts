// The steps of `prove`: the whole loop with a scratch repository, from the push of a vulnerable image to the fix.
import { isClosed } from '../../shared/gate/record.ts';
import type { Reason } from '../../shared/policy/verdict.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { counted, describeState } from '../../shared/report/sentences.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { rulingFor } from './ruling.ts';
import { answerOf, type Measures, type Scratch } from './scratch.ts';
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

export interface Step {
  readonly name: string;
  /** What the step shows, as a sentence without its end. */
  readonly title: string;
  /** Returns what was found. Throws if the step failed. */
  readonly run: () => Promise<string>;
}

const VULNERABLE_TAG = 'vulnerable';
const FIXED_TAG = 'fixed';

/** The steps, in their order. The first makes the repository. */
export function stepsOf(loop: Loop): readonly Step[] {
  const vulnerable = buildImage('vulnerable', loop.nonce);
  const fixed = buildImage('fixed', loop.nonce);
  return [...closingSteps(loop, vulnerable), ...openingSteps(loop, vulnerable, fixed)];
}

function closingSteps(loop: Loop, image: BuiltImage): readonly Step[] {
  const { scratch, measures, waiting } = loop;
  const { foreign } = scratch;
  return [
    {
      name: 'created',
      title: 'Scratch repository made',
      async run() {
        await scratch.create();
        return scratch.repository;
      },
    },
    {
      name: 'foreign',
      title: 'Foreign setting made',
      async run() {
        await foreign.place();
        return foreign.what;
      },
    },
    {
      name: 'pushed',
      title: 'Vulnerable image pushed',
      async run() {
        await scratch.push(image, VULNERABLE_TAG);
        return image.digest;
      },
    },
    { name: 'found', title: 'Found by the scanner', run: () => waitUntilFound(loop, image) },
    {
      name: 'closed',
      title: 'Closed by pullgate',
      async run() {
        const found = await waitUntilLocked(loop, image, 'close');
        const { value: sweep } = await scratch.client.sweep.load();
        measures.sweptMeanwhile = sweep !== undefined && sweep.sweptAt >= (measures.notFoundAt ?? '');
        return `${found}${await delayOf(loop, image)}`;
      },
    },
    {
      name: 'refused',
      title: 'Pull refused',
      async run() {
        const before = await scratch.lastPulledAt(image.digest);
        const refusal = await scratch.pull(VULNERABLE_TAG);
        if (refusal.status === 200)
          throw new Error('the image was pulled although its gate is closed: are you exempt (exemptPrincipals)?');
        if (!scratch.isRefusal(refusal.status))
          throw new Error(`the pull failed for another reason than a lock: ${answerOf(refusal)}`);
        const after = await scratch.lastPulledAt(image.digest);
        Object.assign(measures, { refusal, pulledAt: { before, after }, refusedAt: waiting.now() });
        return `status ${refusal.status}`;
      },
    },
    { name: 'intact', title: 'Foreign setting unchanged', run: () => expectIntact(loop) },
  ];
}

function openingSteps(loop: Loop, image: BuiltImage, fixed: BuiltImage): readonly Step[] {
  const { scratch, measures } = loop;
  return [
    {
      name: 'unlocked',
      title: 'Lock removed by hand',
      async run() {
        await scratch.unlock(image.digest);
        return 'with your own rights';
      },
    },
    { name: 'restored', title: 'Lock restored by pullgate', run: () => waitUntilLocked(loop, image, 'restore') },
    {
      name: 'fixed',
      title: 'Fixed image pushed while the gate is closed',
      async run() {
        await scratch.push(fixed, FIXED_TAG);
        if (!scratch.locksImages) return fixed.digest;
        await expectPulled(scratch);
        return `${fixed.digest}; pullable, because the lock is on the vulnerable image only`;
      },
    },
    ...(scratch.tellsScans
      ? [
          {
            name: 'scanned',
            title: 'Scan of the fixed image while the gate is closed',
            run: () => measureScan(loop, fixed),
          },
        ]
      : []),
    {
      name: 'deleted',
      title: 'Vulnerable image deleted',
      async run() {
        await scratch.deleteImage(image.digest);
        measures.isDeleted = true;
        return image.digest;
      },
    },
    { name: 'opened', title: 'Opened by pullgate', run: () => waitUntilOpen(loop, image) },
    {
      name: 'pulled',
      title: 'Fixed image pulled, foreign setting unchanged',
      async run() {
        await expectPulled(scratch);
        return expectIntact(loop);
      },
    },
  ];
}

async function waitUntilFound(loop: Loop, { digest }: BuiltImage): Promise<string> {
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
    Object.assign(measures, { reportFields: await scratch.reportFields(digest) });
    const names = [...new Set(reasons.map(({ finding }) => finding.vulnerability))];
    return `${counted(names.length, 'advisory', 'advisories')} that the policy blocks: ${names.slice(0, 3).join(', ')}`;
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error;
    const scan = (await client.scans(gate, [digest])).get(digest);
    const heard =
      reported > 0
        ? `the scanner reports ${counted(reported, 'finding')}, none of which the policy blocks`
        : scan?.kind === 'finished'
          ? 'the scanner finished a scan and found nothing that the policy could block'
          : 'the scanner has not reported the image';
    throw new Error(`${error.message}: ${heard}. ${loop.scannerAdvice}`, { cause: error });
  }
}

async function waitUntilLocked(loop: Loop, { digest }: BuiltImage, verb: 'close' | 'restore'): Promise<string> {
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

/** How long after the scanner's report the gate was closed, by the times of the cloud. Empty if they are not known. */
async function delayOf({ scratch, measures: { reportedAt } }: Loop, { digest }: BuiltImage): Promise<string> {
  const { value: record } = await scratch.client.records.load(scratch.gate(digest));
  const closedAt = record?.closedSince ?? record?.since;
  if (reportedAt === undefined || closedAt === undefined) return '';
  const seconds = Math.max(0, (Date.parse(closedAt) - Date.parse(reportedAt)) / 1000);
  return `; closed ${spanOf(seconds)} after the scanner's report`;
}

async function waitUntilOpen(loop: Loop, { digest }: BuiltImage): Promise<string> {
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
    const { value: record } = await scratch.client.records.load(scratch.gate(digest));
    const says = record === undefined ? 'there is no record of it' : `its record says: ${describeState(record.state)}`;
    throw new Error(`${error.message}: ${says}. Look at the function's log (docs/operations.md)`, { cause: error });
  }
}

async function expectIntact({ scratch: { foreign } }: Loop): Promise<string> {
  const difference = await foreign.difference();
  if (difference !== undefined) throw new Error(`${foreign.what} changed: ${difference}`);
  return `${foreign.what}, compared as text`;
}

async function expectPulled(scratch: Scratch): Promise<void> {
  const answer = await scratch.pull(FIXED_TAG);
  if (answer.status !== 200) throw new Error(`the fixed image could not be pulled: ${answerOf(answer)}`);
}

/** It is no failure if there is no scan in time: the run measures it. */
async function measureScan({ scratch, measures, waiting, limits }: Loop, { digest }: BuiltImage): Promise<string> {
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
