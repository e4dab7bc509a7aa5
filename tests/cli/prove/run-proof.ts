// Runs `prove` in this process with the clock of a local cloud, and with a scanner that works while it waits.
import { gunzipSync } from 'node:zlib';
import { type Proof, type ProveInput, prove } from '../../../cli/prove/prove.ts';
import type { Scratch } from '../../../cli/prove/scratch.ts';

export interface RunOptions {
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly onStep?: ProveInput['onStep'];
  readonly made?: ProveInput['made'];
  /** Changes what the run sees. */
  readonly change?: (scratch: Scratch) => Scratch;
}

interface Place extends Pick<ProveInput, 'limits' | 'scannerAdvice'> {
  readonly cloud: { advance(milliseconds: number): Promise<unknown> };
  readonly now: () => string;
  readonly scratchOf: (name: string) => Scratch;
}

/** Returns what runs `prove` in one place. Each run has a repository of its own, unless its name is given. */
export function proofRunner({ cloud, now, scratchOf, limits, scannerAdvice }: Place) {
  let runs = 0;
  return async (scan: () => Promise<void>, options: RunOptions): Promise<Proof> => {
    const {
      name = `run-${++runs}`,
      signal = new AbortController().signal,
      onStep = () => {},
      made = { fate: 'notMade' },
      change = (scratch: Scratch) => scratch,
    } = options;
    return prove({
      scratch: change(scratchOf(name)),
      waiting: {
        now,
        async sleep(milliseconds) {
          await scan();
          await cloud.advance(milliseconds);
        },
        signal,
        progress: { show: (text) => void text(), end: () => {} },
      },
      limits,
      nonce: name,
      scannerAdvice,
      made,
      onStep,
    });
  };
}

/** Does a layer of the image name the vulnerable package? */
export function namesCurl(blobs: readonly (Buffer | undefined)[]): boolean {
  return /Package: curl\n/.test(blobs.map(textOf).join(''));
}

function textOf(blob: Buffer | undefined): string {
  return blob?.subarray(0, 2).toString('hex') === '1f8b' ? gunzipSync(blob).toString('latin1') : '';
}
