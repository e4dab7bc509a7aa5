// Tests the concerns of a stack on both clouds if one of them cannot be read.
import { expect, it } from 'vitest';
import type { Client } from '../../../cli/stack/client.ts';
import { readStatus } from '../../../cli/status/status.ts';
import { aBlockedFix, blocker, GATE, hoursLater, NOW, record, ruleSettings } from '../../shared/samples.ts';

const CLOSED = record({
  state: { kind: 'closed' },
  closedSince: hoursLater(-5),
  blockers: [blocker()],
  remedy: { blocked: aBlockedFix(), announced: undefined },
});

/** A client for tables with one closed gate. With a failure, its tables cannot be read. */
function clientOf(cloud: Client['cloud'], failure?: Error): Client {
  const rowOf = <T>(value: T) => ({ load: async () => ({ value, version: 1 }) });
  const pause = {
    async load() {
      if (failure !== undefined) throw failure;
      return { value: undefined, version: 1 };
    },
  };
  return {
    cloud,
    settings: { ...ruleSettings(), sweepHours: 6 },
    pause,
    sweep: rowOf({ sweptAt: NOW, fingerprint: 'hash', gates: 1 }),
    brake: rowOf(undefined),
    records: rowOf(CLOSED),
    async *gates() {
      yield { ...GATE, state: 'closed' };
    },
    deadLetters: async () => 0,
  } as unknown as Client;
}

it('a blocked fix is reported for its own cloud, also if the cloud before it cannot be read', async () => {
  const failure = Object.assign(new Error('no'), { name: 'CredentialsProviderError' });
  const clients = [clientOf('aws', failure), clientOf('azure')];
  const { unseen, concerns } = await readStatus({ stack: 'dev', clients, now: () => NOW, isLive: false });
  expect(unseen.map(({ cloud }) => cloud)).toEqual(['aws']);
  expect(concerns).toEqual([expect.stringMatching(/^Azure: team\/app: .*az acr /)]);
});
