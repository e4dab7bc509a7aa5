// The steps of `prove`: the whole loop with a scratch repository, from the push of a vulnerable image to the fix.
import type { Instant } from '../../shared/policy/finding.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { answerOf, measured, type Scratch } from './scratch.ts';
import { delayOf, type Loop, measureScan, unlock, waitUntilFound, waitUntilLocked, waitUntilOpen } from './waits.ts';

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
        const sweep = await measured(measures, 'sweptMeanwhile', () => scratch.client.sweep.load());
        if (sweep !== undefined) measures.sweptMeanwhile = isSince(sweep.value?.sweptAt, measures.notFoundAt);
        return `${found}${(await measured(measures, 'delay', () => delayOf(loop, image))) ?? ''}`;
      },
    },
    {
      name: 'refused',
      title: 'Pull refused',
      async run() {
        const lastPulled = () => measured(measures, 'pulledAt', () => scratch.lastPulledAt(image.digest));
        const before = await lastPulled();
        const refusal = await scratch.pull(VULNERABLE_TAG);
        if (refusal.status === 200)
          throw new Error('the image was pulled although its gate is closed: are you exempt (exemptPrincipals)?');
        if (!scratch.isRefusal(refusal.status))
          throw new Error(`the pull failed for another reason than a lock: ${answerOf(refusal)}`);
        Object.assign(measures, { refusal, refusedAt: waiting.now() });
        const after = await lastPulled();
        if (measures.problems?.pulledAt === undefined) measures.pulledAt = { before, after };
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
      run: () => unlock(loop, image),
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
            run: async () =>
              (await measured(measures, 'scanWhileClosed', () => measureScan(loop, fixed))) ??
              `not measured: ${measures.problems?.scanWhileClosed}`,
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

/** Was a sweep after this time? If the time is not known, any sweep may have been. */
function isSince(sweptAt: Instant | undefined, time: Instant = ''): boolean {
  return sweptAt !== undefined && sweptAt >= time;
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
