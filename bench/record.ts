// The share of a table row that the record of a large gate takes.

import { createHash } from 'node:crypto';
import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { createTable } from '../aws/function/records.ts';
import type { Blocker, GateRecord } from '../shared/gate/record.ts';
import { packRecord } from '../shared/gate/record-codec.ts';
import type { Finding } from '../shared/policy/finding.ts';
import { DAY_MILLISECONDS } from '../shared/runtime/time.ts';
import { count, type Part } from './part.ts';

const SIZES = {
  full: { blockers: 1_000, findings: 50 },
  tiny: { blockers: 3, findings: 2 },
};
const NOW = '2026-03-02T09:00:00.000Z';
/** Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MAX_ROW_BYTES = 409_600;

export const record: Part = {
  title: 'Record of a large gate',
  async measure(scale) {
    const { blockers, findings: each } = SIZES[scale];
    const rows: readonly (readonly [name: string, findingsOf: (blocker: number) => readonly number[]])[] = [
      [`the same ${each} in all blockers`, () => numbers(each)],
      [
        `${each} of ${4 * each} in each blocker`,
        (blocker) => numbers(each).map((place) => 4 * place + (pick(blocker, place) % 4)),
      ],
      ['no finding in common', (blocker) => numbers(each).map((place) => blocker * each + place)],
    ];
    return [
      {
        title: `A record with ${count(blockers)} blockers of ${each} findings each, in bytes. DynamoDB's limit is ${count(MAX_ROW_BYTES)} per row`,
        head: ['findings', 'as plain JSON', 'packed', 'row, compressed', 'share of a row', 'findings kept per blocker'],
        rows: await Promise.all(
          rows.map(async ([name, findingsOf]) => {
            const large = recordOf(blockers, findingsOf);
            const { bytes, kept } = await storedAs(large);
            const share = `${((100 * bytes) / MAX_ROW_BYTES).toFixed(1)} %`;
            const sizes = [JSON.stringify(large), packRecord(large)].map((text) => count(Buffer.byteLength(text)));
            return [name, ...sizes, count(bytes), share, count(kept)];
          }),
        ),
      },
    ];
  },
};

/**
 * The item that the function writes: its size as DynamoDB counts it, except a few bytes for names and values, and the
 * number of findings kept per blocker.
 */
async function storedAs(large: GateRecord): Promise<{ readonly bytes: number; readonly kept: number }> {
  let item: Record<string, unknown> | undefined;
  const send = async (command: unknown) => {
    if (command instanceof PutItemCommand) item = command.input.Item;
    return command instanceof GetItemCommand ? { Item: item } : {};
  };
  const { records } = createTable({ send } as unknown as DynamoDBClient, 'table');
  await records.save(large, 0);
  const { value } = await records.load(large.gate);
  if (value?.blockers.length !== large.blockers.length)
    throw new Error('the record that was read differs from the one that was written');
  const kept = Math.min(...value.blockers.map(({ findings }) => findings.length));
  const bytes = Object.entries(item ?? {}).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value),
    0,
  );
  return { bytes, kept };
}

function valueBytes(value: unknown): number {
  const [content] = Object.values(value as Readonly<Record<string, string | Uint8Array>>);
  return content === undefined ? 0 : Buffer.byteLength(content);
}

function recordOf(blockers: number, findingsOf: (blocker: number) => readonly number[]): GateRecord {
  return {
    gate: { registry: '123456789012', repository: 'team/app' },
    state: { kind: 'closed' },
    since: NOW,
    closedSince: NOW,
    blockers: numbers(blockers).map((number): Blocker => {
      const [first = 0, ...others] = findingsOf(number);
      return {
        digest: `sha256:${createHash('sha256').update(String(number)).digest('hex')}`,
        tags: [`1.${number}.0`],
        since: NOW,
        violatedAt: NOW,
        findings: [findingOf(first), ...others.map(findingOf)],
        omittedFindings: 0,
      };
    }),
    omittedBlockers: 0,
    pending: [],
  };
}

function findingOf(number: number): Finding {
  const id = 10_000 + (pick(number, 0) % 90_000);
  return {
    vulnerability: `CVE-2026-${id}`,
    aliases: [],
    package: { name: `package-${number}`, version: `1.${number % 50}.0`, fixedVersion: `1.${number % 50}.1` },
    severity: { kind: 'known', severity: number % 2 === 0 ? 'critical' : 'high' },
    score: 7 + (number % 30) / 10,
    fix: 'available',
    exploited: false,
    disclosedAt: new Date(Date.parse(NOW) - (number % 900) * DAY_MILLISECONDS).toISOString(),
    state: 'active',
    link: `https://nvd.nist.gov/vuln/detail/CVE-2026-${id}`,
  };
}

function numbers(length: number): readonly number[] {
  return Array.from({ length }, (_, number) => number);
}

/** A number that looks random but is always the same for the same two inputs. */
function pick(one: number, other: number): number {
  return createHash('sha256').update(`${one} ${other}`).digest().readUInt32BE();
}
