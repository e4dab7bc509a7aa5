// Stores a record as JSON text that fits into a row: findings that images share are written once.

import type { Finding } from '../policy/finding.ts';
import { gateKey } from './gate.ts';
import type { Blocker, GateRecord } from './record.ts';

/**
 * Limits each blocker to `most` findings, but at least one. Counts the omitted findings; that count never decreases.
 */
export function withFewerFindings(record: GateRecord, most: number): GateRecord {
  const blockers = record.blockers.map((blocker): Blocker => {
    const [first, ...others] = blocker.findings;
    const kept = others.slice(0, Math.max(0, most - 1));
    const omittedFindings = Math.max(blocker.omittedFindings, others.length - kept.length);
    return { ...blocker, findings: [first, ...kept], omittedFindings };
  });
  return { ...record, blockers };
}

/**
 * Packs a record for the table. If it does not fit, each image keeps fewer findings, the most severe first. Such a gate
 * opens only on a newer scan, which is better than a gate that cannot be closed.
 *
 * @param compress turns the record's text into the stored body
 * @param findings the most findings that each image keeps
 * @param size the most that fits into a row, in the unit of the body's `length`
 * @throws Error if the record does not fit even with one finding per image
 */
export function packToFit<Body extends { readonly length: number }>(
  record: GateRecord,
  compress: (text: string) => Body,
  { findings, size }: { readonly findings: number; readonly size: number },
): Body {
  for (let most = findings; most >= 1; most = Math.floor(most / 2)) {
    const body = compress(packRecord(withFewerFindings(record, most)));
    if (body.length <= size) return body;
  }
  throw new Error(
    `the record of ${gateKey(record.gate)} does not fit into a row, even with one finding for each of its ${record.blockers.length} images`,
  );
}

const FORMAT = 1;

interface Packed extends Omit<GateRecord, 'blockers'> {
  readonly format: typeof FORMAT;
  readonly findings: readonly Finding[];
  /** Each list has indexes into `findings`. */
  readonly lists: readonly (readonly number[])[];
  /** Each blocker has the index of its list in `lists`. */
  readonly blockers: readonly (Omit<Blocker, 'findings'> & { readonly findings: number })[];
}

/**
 * Packs a record as JSON text. Findings, and whole lists of findings, that images share are written once: images with
 * the same base image share nearly all of theirs.
 */
export function packRecord(record: GateRecord): string {
  const findings = collection<Finding>();
  const lists = collection<readonly number[]>();
  const blockers = record.blockers.map((blocker) => ({
    ...blocker,
    findings: lists.placeOf(blocker.findings.map(findings.placeOf)),
  }));
  const packed: Packed = { ...record, format: FORMAT, findings: findings.items, lists: lists.items, blockers };
  return JSON.stringify(packed);
}

/** A list without duplicates; `placeOf` adds an item if necessary and returns its index. */
function collection<T>() {
  const places = new Map<string, number>();
  const items: T[] = [];
  const placeOf = (item: T): number => {
    const key = JSON.stringify(item);
    const place = places.get(key) ?? items.push(item) - 1;
    places.set(key, place);
    return place;
  };
  return { items, placeOf };
}

/**
 * Reads a packed record. Only pullgate writes records, so their shape is trusted; the format number is checked.
 *
 * @throws Error if this version does not know the format, or if the row was edited
 */
export function unpackRecord(text: string): GateRecord {
  const { format, findings, lists, blockers, ...rest }: Packed = JSON.parse(text);
  if (format !== FORMAT) {
    throw new Error(
      `a record in the table has format ${format}, but this version of pullgate reads only format ${FORMAT}; deploy the version that wrote it, or a newer one`,
    );
  }
  return {
    ...rest,
    blockers: blockers.map((blocker) => {
      const places = lists[blocker.findings] ?? [];
      const [first, ...others] = places.flatMap((place) => findings[place] ?? []);
      if (first === undefined || others.length < places.length - 1) {
        throw new Error(`the record's blocker ${blocker.digest} lacks findings; the row was edited`);
      }
      return { ...blocker, findings: [first, ...others] as const };
    }),
  };
}
