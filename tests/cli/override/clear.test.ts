// Tests which overrides `override clear` ends, and that an override is recorded for all gates before it is applied,
// with records in this process.
import { describe, expect, it } from 'vitest';
import { clearOverride, setOverride } from '../../../cli/override/run.ts';
import type { Client, Found } from '../../../cli/stack/client.ts';
import { type ImageName, parseImageName } from '../../../cli/stack/image-name.ts';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import type { RecordedOverride } from '../../../shared/gate/override.ts';
import { type GateRecord, newRecord } from '../../../shared/gate/record.ts';
import { decision, digest, hoursLater, NOW, anOverride as order, ruleSettings } from '../../shared/samples.ts';

const REGISTRY = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acmeImages';
const HOST = 'acmeimages.azurecr.io';
const gateOf = (number: number): Gate => ({ registry: REGISTRY, repository: 'team/app', digest: digest(number) });
const AWS: Gate = { registry: '123456789012', repository: 'team/app' };
const AWS_IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4';
const WISH = { kind: 'open', at: NOW, until: hoursLater(1), reason: 'down', approvedBy: 'Grace', by: 'ada' } as const;

interface World {
  readonly cloud?: Client['cloud'];
  /** The existing images with their tags. An index is followed by its images. */
  readonly images?: readonly (readonly [tags: readonly string[], ...digests: number[]])[];
  readonly orders?: readonly (readonly [Gate, RecordedOverride])[];
  /** The error of a gate; undefined if it does not fail. */
  readonly fails?: (gate: Gate) => Error | undefined;
}

/** A stack on one cloud that logs its changes. */
function worldOf({ cloud = 'azure', images = [], orders = [], fails = () => undefined }: World) {
  const happened: string[] = [];
  const said: string[] = [];
  const records = new Map<string, GateRecord>(
    orders.map(([gate, override]) => [gateKey(gate), { ...newRecord(gate, NOW), override }]),
  );
  const nameOf = (gate: Gate) =>
    gate.digest === undefined ? gate.repository : `${Number(`0x${gate.digest.slice(-4)}`)}`;
  const find = async ({ tag, digest: named }: ImageName): Promise<Found> => {
    const [found] = images.filter(([tags, first = 0]) =>
      tag === undefined ? digest(first) === named : tags.includes(tag),
    );
    if (found === undefined) return { kind: 'absent', what: 'image' };
    const [tags, ...digests] = found;
    const gates = cloud === 'aws' ? [AWS] : digests.map(gateOf);
    const { registry, repository } = gates[0] ?? AWS;
    return { kind: 'found', registry, repository, digest: digest(digests[0] ?? 0), tags, tag, children: [], gates };
  };
  const client = {
    cloud,
    settings: { ...ruleSettings(), maxClosesPerHour: 25 },
    pause: { load: async () => ({ value: undefined, version: 0 }) },
    find,
    async *gates() {
      for (const { gate } of records.values()) yield { ...gate, state: 'open' };
    },
    records: {
      load: async (gate: Gate) => ({ value: records.get(gateKey(gate)), version: 0 }),
      async save(record: GateRecord) {
        happened.push(`recorded ${nameOf(record.gate)}`);
        records.set(gateKey(record.gate), record);
        return 1;
      },
    },
    read: async () => ({ lock: 'absent', snapshot: '' }),
    async reconcile(gate: Gate) {
      happened.push(`applied to ${nameOf(gate)}`);
      const error = fails(gate);
      if (error !== undefined) throw error;
      return decision({ gate, action: 'opened' });
    },
  } as unknown as Client;
  const run = (image: string) => ({
    stack: 'dev',
    clients: [client],
    now: () => hoursLater(0.5),
    name: parseImageName(image),
    dryRun: false,
    json: false,
    print: (text: string) => void said.push(text),
  });
  return {
    happened,
    records,
    open: async (image: string) => [await setOverride({ ...run(image), order: WISH }), said.join('')] as const,
    clear: async (image: string) => [await clearOverride({ ...run(image), by: 'eve' }), said.join('')] as const,
  };
}

describe('an override for an index', () => {
  it('is recorded for the index and all its images before it is applied, and the output shows how to clear it', async () => {
    const { open, happened } = worldOf({ images: [[['1.4'], 1, 2, 3]] });
    const [code, text] = await open(`${HOST}/team/app:1.4`);
    expect(code).toBe(0);
    expect(happened).toEqual([
      'recorded 1',
      'recorded 2',
      'recorded 3',
      'applied to 1',
      'applied to 2',
      'applied to 3',
    ]);
    expect(text).toContain(`\nTo end it earlier: pullgate override clear ${HOST}/team/app@${digest(1)}\n`);
  });

  it('stays on record for the function if it cannot be applied, and prints the error without control characters', async () => {
    const { open, happened } = worldOf({
      images: [[['1.4'], 1, 2]],
      fails: ({ digest: failed }) => (failed === digest(1) ? new Error('no\u001b[2J\u009b') : undefined),
    });
    const [code, text] = await open(`${HOST}/team/app:1.4`);
    expect([code, happened.length]).toEqual([1, 4]);
    expect(text).toContain(
      '      no\ufffd[2J\ufffd; the change is recorded, and the function applies it within a few minutes\n',
    );
  });

  it('is cleared in the same order', async () => {
    const both = order({ kind: 'open' });
    const { clear, happened } = worldOf({
      images: [[['1.4'], 1, 2]],
      orders: [
        [gateOf(1), both],
        [gateOf(2), both],
      ],
    });
    expect((await clear(`${HOST}/team/app:1.4`))[0]).toBe(0);
    expect(happened).toEqual(['recorded 1', 'recorded 2', 'applied to 1', 'applied to 2']);
  });
});

describe('clearing an override', () => {
  const ended = ({ records }: ReturnType<typeof worldOf>) =>
    [...records.values()].flatMap(({ gate, override }) =>
      override?.order.endedBy === 'eve' ? [gate.digest ?? gate.repository] : [],
    );

  it('ends the override of the image that had the tag before, and of the images in its index', async () => {
    const world = worldOf({
      images: [
        [['1.4'], 9],
        [[], 1, 2],
        [['1.5'], 5],
      ],
      orders: [
        [gateOf(1), order()],
        [gateOf(2), order()],
        [gateOf(5), order({ at: hoursLater(-0.5) })],
      ],
    });
    const [code, text] = await world.clear(`${HOST}/team/app:1.4`);
    expect([code, ended(world)]).toEqual([0, [digest(1), digest(2)]]);
    expect(text).toContain(`${HOST}/team/app:1.4 now refers to another image, which has no override`);
  });

  it('ends the override of a deleted image, and of the images in its index', async () => {
    const orders = [
      [gateOf(1), order()],
      [gateOf(2), order()],
      [gateOf(5), order({ at: hoursLater(-0.5) })],
    ] as const;
    for (const name of [`@${digest(1)}`, ':1.4']) {
      const world = worldOf({ images: [[['1.5'], 5]], orders });
      const [code, text] = await world.clear(`${HOST}/team/app${name}`);
      expect([code, ended(world)]).toEqual([0, [digest(1), digest(2)]]);
      expect(text).toContain(`${HOST}/team/app${name} is no longer in the registry.`);
    }
  });

  it('ends nothing if the name is ambiguous, and prints the command that clears each override', async () => {
    const world = worldOf({
      orders: [
        [gateOf(1), order()],
        [gateOf(2), order({ at: hoursLater(-0.5) })],
      ],
    });
    const command = (number: number) => `  pullgate override clear ${HOST}/team/app@${digest(number)}\n      `;
    await expect(world.clear(`${HOST}/team/app:1.4`)).rejects.toThrow(
      `${HOST}/team/app:1.4 can refer to more than one override; choose the one to clear:\n${command(1)}`,
    );
    await expect(world.clear(`${HOST}/team/app:1.4`)).rejects.toThrow(command(2));
    expect(ended(world)).toEqual([]);
  });

  it('does not end the override of another image, and prints its name', async () => {
    const orders = [[gateOf(5), order()]] as const;
    const images = [
      [['1.4'], 1],
      [['1.5'], 5],
    ] as const;
    for (const name of [`@${digest(1)}`, ':1.4']) {
      const world = worldOf({ images, orders });
      const [code, text] = await world.clear(`${HOST}/team/app${name}`);
      expect([code, world.happened]).toEqual([0, []]);
      expect(text).toContain(
        `there is nothing to do.\nOther images in its repository have overrides; clear each by its own name:\n  pullgate override clear ${HOST}/team/app@${digest(5)}\n`,
      );
    }
    await expect(worldOf({ images, orders }).clear(`${HOST}/team/app:0`)).rejects.toThrow('has no such image');
  });

  it('ends the override of the repository, and not one of another registry, another repository or the past', async () => {
    const old = order({ until: hoursLater(0.1) });
    const whole = { registry: REGISTRY, repository: 'team/app' };
    const world = worldOf({
      orders: [
        [whole, order()],
        [{ ...gateOf(1), registry: `${REGISTRY}2` }, order()],
        [{ ...gateOf(2), repository: 'team/api' }, order()],
        [gateOf(3), old],
      ],
    });
    expect((await world.clear(`${HOST}/team/app:1.4`))[0]).toBe(0);
    expect(world.happened).toEqual(['recorded team/app', 'applied to team/app']);
  });

  it('ends the override of the repository on AWS even if the image no longer exists', async () => {
    const world = worldOf({ cloud: 'aws', orders: [[AWS, order()]] });
    const [code, text] = await world.clear(AWS_IMAGE);
    expect([code, ended(world)]).toEqual([0, ['team/app']]);
    expect(text).toContain(`${AWS_IMAGE} is no longer in the registry.`);
    await expect(worldOf({ cloud: 'aws' }).clear(AWS_IMAGE)).rejects.toThrow('has no such image');
  });
});
