// How a record is stored: as JSON text in which what images share is written once, small enough for a row.

import type { Finding } from '../policy/finding.ts';
import { gateKey } from './gate.ts';
import type { Blocker, GateRecord } from './record.ts';

/**
 * The record with at most `most` findings for each blocker, and at least one. The number of those that are left out is
 * counted, and never falls.
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
 * A record as a table stores it. Where images share too little to fit, each keeps fewer of its findings, the least of
 * them left out: better a gate that is closed and opens on a newer scan only than one that cannot be closed.
 *
 * @param compress makes of the record's text what is stored
 * @param findings the most that each image keeps
 * @param size the most that fits
 * @throws Error if not even one finding of each image fits
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
    `the record of ${gateKey(record.gate)} does not fit into a row: ${record.blockers.length} images with one finding each`,
  );
}

const FORMAT = 1;

interface Packed extends Omit<GateRecord, 'blockers'> {
  readonly format: typeof FORMAT;
  readonly findings: readonly Finding[];
  /** Places in `findings`. */
  readonly lists: readonly (readonly number[])[];
  /** Each with the place of its list. */
  readonly blockers: readonly (Omit<Blocker, 'findings'> & { readonly findings: number })[];
}

/**
 * A record as JSON text. What many images of a repository share is written once, findings and whole lists of them:
 * images of one base share nearly all of theirs.
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

/** Items that are kept once each, by their place. */
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
 * Reads a record back. Only pullgate writes them, so the shape is trusted; the format's number is not.
 *
 * @throws Error if the text is not a record of a format that this version knows, or was edited
 */
export function unpackRecord(text: string): GateRecord {
  const { format, findings, lists, blockers, ...rest }: Packed = JSON.parse(text);
  if (format !== FORMAT) {
    throw new Error(
      `a record in the table has the format ${format}; this version of pullgate reads ${FORMAT}: deploy the version that wrote it, or a newer one`,
    );
  }
  return {
    ...rest,
    blockers: blockers.map((blocker) => {
      const places = lists[blocker.findings] ?? [];
      const [first, ...others] = places.flatMap((place) => findings[place] ?? []);
      if (first === undefined || others.length < places.length - 1) {
        throw new Error(`the record's blocker ${blocker.digest} lacks findings: the row was edited`);
      }
      return { ...blocker, findings: [first, ...others] as const };
    }),
  };
}
