// pullgate's own row for a gate: what makes a closed gate ours, and what the next observation needs to know.
import type { Finding, Instant } from '../policy/finding.ts';
import type { Override, OverrideStep } from './override.ts';

/** What pullgate closes: a repository of a registry, or, on Azure, one image: its digest. */
export interface Gate {
  /** AWS: the account's id. Azure: the registry's Resource Manager id. */
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string | undefined;
}

/** An image whose verdict was `block`, with the findings that made it so. */
export interface Blocker {
  readonly digest: string;
  /** The tags it had when it was last seen with any: what people know it by. */
  readonly tags: readonly string[];
  /** Since when it holds the gate. */
  readonly since: Instant;
  /** When it was last seen to violate, to the minute: only a scan that is newer than this can prove it clean. */
  readonly violatedAt: Instant;
  /** The findings that violated when it was last seen to, kept because the provider forgets them. */
  readonly findings: readonly [Finding, ...Finding[]];
  /** How many more violated than a record keeps: while there are any, only a scan, or the image's going away, releases it. */
  readonly omittedFindings: number;
  /** Set while it holds nothing: remembered, since the same digest may come back without a new scan, and what exempts it may end. */
  readonly departed?: { readonly at: Instant; readonly why: Departure } | undefined;
}

/** Why a blocker holds nothing for now: the image is gone, it does not count, or its recorded findings do not violate at present. */
export type Departure = 'gone' | 'outOfScope' | 'exempted';

/** Why a gate that has a blocker, or was ordered closed by hand, stands open all the same. */
export type WaitingFor = 'audit' | 'pause' | 'release' | 'brake' | 'lambda' | 'lockedByOthers' | 'override';

/**
 * The state of a gate. `closing` and `opening` are intents: a crash in between is finished by the next observation.
 * `waiting`: it has a blocker, and something keeps pullgate from closing it.
 */
export type GateState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closing' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'opening' }
  | { readonly kind: 'waiting'; readonly for: WaitingFor };

/** A state change that people are told of. */
export interface Notice {
  /** `byHand`: an order by hand began or ended, and nothing else changed. */
  readonly kind: 'closed' | 'opened' | 'waiting' | 'cleared' | 'restored' | 'override';
  readonly waitingFor?: WaitingFor | undefined;
  /** When it happened. */
  readonly at: Instant;
  /** Since when the gate had been closed; only of an opening. */
  readonly closedSince?: Instant | undefined;
  /** What holds the gate: the first `NOTICE_IMAGES` images, each with its `NOTICE_FINDINGS` worst findings. */
  readonly images: readonly NoticeImage[];
  readonly moreImages: number;
  /** How many more hold it that the record had no room for: with them, it opens by hand only. */
  readonly omittedImages: number;
  /** Of an opening: what is still pullable although it has findings, and why that is so. */
  readonly stillPullable: readonly StillPullable[];
  /** Of an opening: how each image that had held the gate was accounted for. */
  readonly clearances: readonly { readonly digest: string; readonly how: Clearance }[];
  /** The order by hand that the gate has, if any. */
  readonly override?: Pick<OverrideStep, 'step' | 'order' | 'isNews'> | undefined;
}

export interface NoticeImage {
  readonly digest: string;
  readonly tags: readonly string[];
  /** Those that violate, worst first. */
  readonly findings: readonly Finding[];
  readonly moreFindings: number;
}

export interface StillPullable {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly why: 'outOfScope' | 'exempted' | 'undetermined';
  readonly vulnerabilities: readonly string[];
}

/**
 * How a blocker was accounted for, so that it holds the gate no longer: it departed; a finished, newer scan shows nothing that violates; or the
 * provider says of each of its findings that it is resolved.
 */
export type Clearance = Departure | 'scanned' | 'resolved';

export interface GateRecord {
  readonly gate: Gate;
  readonly state: GateState;
  /** Since when it is in this state. */
  readonly since: Instant;
  /** Since when it is closed, kept through an opening's steps. */
  readonly closedSince?: Instant | undefined;
  /** The closing that the registry shows, if any, is ours: set with the intent to close, until the gate is open. */
  readonly claimed?: boolean | undefined;
  readonly blockers: readonly Blocker[];
  /** Blockers that did not fit into the record: while there are any, the gate opens by hand only. */
  readonly omittedBlockers: number;
  /** State changes that nobody has been told of yet. */
  readonly pending: readonly Notice[];
  /** What a person ordered for it, for a while. */
  readonly override?: Override | undefined;
}

/** How long an image that went away is remembered, in days. */
export const MEMORY_DAYS = 30;
export const NOTICE_IMAGES = 5;
export const NOTICE_FINDINGS = 5;

/** The key of a gate: unique within a stack's table, and readable. */
export function gateKey({ registry, repository, digest }: Gate): string {
  return digest === undefined ? `${registry}/${repository}` : `${registry}/${repository}@${digest}`;
}

/** The record of a gate that has none yet. */
export function newRecord(gate: Gate, now: Instant): GateRecord {
  return { gate, state: { kind: 'open' }, since: now, blockers: [], omittedBlockers: 0, pending: [] };
}

const MEMORY_MILLISECONDS = MEMORY_DAYS * 86_400_000;

/** Is a moment longer ago than pullgate remembers what went away? */
export function isLongAgo(at: Instant, now: Instant): boolean {
  return Date.parse(now) - Date.parse(at) >= MEMORY_MILLISECONDS;
}

/** Does an open gate's record say nothing any more? Not at once: a worker that still holds an old version must not meet a new row of that version. */
export function isForgettable(record: GateRecord, now: Instant): boolean {
  const isEmpty = record.blockers.length === 0 && record.omittedBlockers === 0 && record.pending.length === 0;
  return isEmpty && record.override === undefined && record.state.kind === 'open' && isLongAgo(record.since, now);
}

/** The blockers that hold the gate now. */
export function activeBlockers(record: Pick<GateRecord, 'blockers'>): readonly Blocker[] {
  return record.blockers.filter((blocker) => blocker.departed === undefined);
}

/** The record with at most so many findings for each blocker, at least one. Of what is left out, now or before, at least so many are counted. */
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
 * A record as a table stores it. Where images share too little to fit, each keeps fewer of its findings, the least of them left out: better a gate
 * that is closed and opens on a newer scan only than one that cannot be closed.
 *
 * @param compress makes of the record's text what is stored
 * @param findings the most that each image keeps
 * @param size the most that fits
 * @throws Error where not even one finding of each image fits
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
/** With an order by hand: a version that knows of none must not read it, or it would close what a person opened. */
const FORMAT_OVERRIDE = 2;

interface Packed extends Omit<GateRecord, 'blockers'> {
  readonly format: typeof FORMAT | typeof FORMAT_OVERRIDE;
  readonly findings: readonly Finding[];
  /** Places in `findings`. */
  readonly lists: readonly (readonly number[])[];
  /** Each with the place of its list. */
  readonly blockers: readonly (Omit<Blocker, 'findings'> & { readonly findings: number })[];
}

/**
 * A record as JSON text. What many images of a repository share is written once, findings and whole lists of them: images of one base share
 * nearly all of theirs.
 */
export function packRecord(record: GateRecord): string {
  const findings = collection<Finding>();
  const lists = collection<readonly number[]>();
  const blockers = record.blockers.map((blocker) => ({
    ...blocker,
    findings: lists.placeOf(blocker.findings.map(findings.placeOf)),
  }));
  const format = record.override === undefined ? FORMAT : FORMAT_OVERRIDE;
  const packed: Packed = { ...record, format, findings: findings.items, lists: lists.items, blockers };
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
 * @throws Error where the text is not a record of a format that this version knows, or was changed by hand
 */
export function unpackRecord(text: string): GateRecord {
  const { format, findings, lists, blockers, ...rest }: Packed = JSON.parse(text);
  if (format !== FORMAT && format !== FORMAT_OVERRIDE) {
    throw new Error(
      `a record in the table has the format ${format}; this version of pullgate knows ${FORMAT} and ${FORMAT_OVERRIDE}: deploy the version that wrote it, or a newer one`,
    );
  }
  return {
    ...rest,
    blockers: blockers.map((blocker) => {
      const places = lists[blocker.findings] ?? [];
      const [first, ...others] = places.flatMap((place) => findings[place] ?? []);
      if (first === undefined || others.length < places.length - 1) {
        throw new Error(`the record's blocker ${blocker.digest} lacks findings: the row was changed by hand`);
      }
      return { ...blocker, findings: [first, ...others] as const };
    }),
  };
}
