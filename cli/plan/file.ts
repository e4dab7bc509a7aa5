// Reads and writes the file of a snapshot. Findings that images share are written once for each repository.
import * as v from 'valibot';
import type { RecordedOverride } from '../../shared/gate/override.ts';
import type { GateRecord, GateState } from '../../shared/gate/record.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import type { ImageObservation, Report } from '../../shared/reconcile/observation.ts';
import { describeProblem, problemsFrom } from '../../shared/runtime/problem.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';
import { readText } from '../terminal/file.ts';
import {
  type SavedImage,
  type SavedRecord,
  type SavedRepository,
  type SavedSnapshot,
  type SavedTarget,
  snapshotSchema,
  VERSION,
} from './schema.ts';
import { contentToKeep, deployedSettings } from './settings.ts';
import type { KnownGate, Repository, Snapshot, Target } from './snapshot.ts';

const FORM = 'a file that `pullgate plan --save FILE` wrote';
const MAX_PROBLEMS = 5;

/** The text of the file. */
export function textOf({ at, stack, isWhole, targets }: Snapshot): string {
  const saved: SavedSnapshot = { version: VERSION, at, stack, isWhole, targets: targets.map(savedTarget) };
  return `${JSON.stringify(saved)}\n`;
}

function savedTarget({ content, notes, repositories, ...target }: Target): SavedTarget {
  const { cloud, region, pausedAt, scannerProblem } = target;
  const known = { cloud, region, settings: contentToKeep(content), pausedAt, scannerProblem };
  return { ...known, notes: [...notes], repositories: repositories.map(savedRepository) };
}

function savedRepository({ registry, repository, images, scans, gates }: Repository): SavedRepository {
  const placeOf = new Map<string, number>();
  const findings: Finding[] = [];
  const placesOf = (of: readonly Finding[]) =>
    of.map((finding) => {
      const key = JSON.stringify(finding);
      const place = placeOf.get(key) ?? findings.push(finding) - 1;
      placeOf.set(key, place);
      return place;
    });
  const saveReport = (report: Report) => ({ ...report, findings: placesOf(report.findings) });
  const saveImage = (image: ImageObservation): SavedImage => {
    if (image.presence === 'present')
      return { ...image, tags: [...image.tags], reports: image.reports.map(saveReport) };
    const { reports, ...gone } = image;
    return reports === undefined ? gone : { ...gone, reports: reports.map(saveReport) };
  };
  const saveGate = ({ gate: { digest }, record, reading }: KnownGate) => ({
    ...(digest === undefined ? {} : { digest }),
    ...(record === undefined ? {} : { record: savedRecord(record, placesOf) }),
    ...(reading === undefined
      ? {}
      : { reading: reading === 'gone' ? reading : { lock: reading.lock, inUse: reading.inUse } }),
  });
  const saved = { images: images.map(saveImage), gates: gates.map(saveGate) };
  return { registry, repository, findings, ...saved, scans: { ...scans } };
}

/** A record without notices, and without what a person wrote: only what decides about the gate. */
function savedRecord(record: GateRecord, placesOf: (findings: readonly Finding[]) => number[]): SavedRecord {
  const { state, since, closedSince, unexplainedSince, waitingSince, claimed, admittedAt, override } = record;
  const times = { since, closedSince, unexplainedSince, waitingSince, admittedAt };
  return {
    state: state.kind,
    ...times,
    claimed,
    blockers: record.blockers.map((blocker) => ({
      ...blocker,
      tags: [...blocker.tags],
      findings: placesOf(blocker.findings),
    })),
    omittedBlockers: record.omittedBlockers,
    override: override && {
      kind: override.order.kind,
      at: override.order.at,
      until: override.order.until,
      hasEnded: override.order.endedBy !== undefined,
      notified: override.delivery.notified,
      logged: override.delivery.logged,
    },
  };
}

/**
 * Reads a snapshot.
 *
 * @throws UsageError if the file cannot be read, is incomplete, or has the form of another version
 */
export async function readSnapshot(file: string): Promise<Snapshot> {
  return parseSnapshot(await readText(file, FORM), file);
}

export function parseSnapshot(text: string, file: string): Snapshot {
  const raw = jsonFrom(text, file);
  const version = typeof raw === 'object' && raw !== null && 'version' in raw ? raw.version : undefined;
  if (version !== VERSION) {
    const found = version === undefined ? 'it has no version' : `it has version ${JSON.stringify(version)}`;
    throw new UsageError(
      `${file} is not a snapshot that this version of pullgate reads (${found}, and not ${VERSION}): give ${FORM} with this version`,
    );
  }
  const checked = v.safeParse(snapshotSchema, raw);
  if (!checked.success) {
    const lines = problemsFrom(checked.issues, '').slice(0, MAX_PROBLEMS).map(describeProblem);
    throw new UsageError(`${file} is not a valid snapshot: give ${FORM}\n  ${lines.join('\n  ')}`);
  }
  const { at, stack, isWhole, targets } = checked.output;
  return { at, stack, isWhole, targets: targets.map((target) => targetFrom(target, file)) };
}

function jsonFrom(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON (${sentenceOf(cause)}); was it cut off? Give ${FORM}`, { cause });
  }
}

function targetFrom({ settings: content, repositories, ...target }: SavedTarget, file: string): Target {
  try {
    const settings = deployedSettings(target.cloud, content, target.region);
    return { ...target, content, settings, repositories: repositories.map(repositoryFrom) };
  } catch (cause) {
    throw new UsageError(`${file} is not a valid snapshot: give ${FORM}\n  ${sentenceOf(cause)}`, { cause });
  }
}

function repositoryFrom({ registry, repository, findings, images, scans, gates }: SavedRepository): Repository {
  const at = (places: readonly number[]) =>
    places.map((place) => {
      const finding = findings[place];
      if (finding === undefined) throw new Error(`${repository}: there is no finding ${place}`);
      return finding;
    });
  const reportsFrom = (reports: Extract<SavedImage, { presence: 'present' }>['reports']) =>
    reports.map((report): Report => ({ ...report, findings: at(report.findings) }));
  return {
    registry,
    repository,
    images: images.map(({ reports, ...image }): ImageObservation => {
      if (image.presence === 'present') return { ...image, reports: reportsFrom(reports ?? []) };
      return reports === undefined ? image : { ...image, reports: reportsFrom(reports) };
    }),
    scans,
    gates: gates.map(({ digest, record, reading }): KnownGate => {
      const gate = digest === undefined ? { registry, repository } : { registry, repository, digest };
      return { gate, record: record && recordFrom(gate, record, at), reading };
    }),
  };
}

function recordFrom(
  gate: KnownGate['gate'],
  { state, blockers, override, ...record }: SavedRecord,
  at: (places: readonly number[]) => readonly Finding[],
): GateRecord {
  return {
    ...record,
    gate,
    state: stateFrom(state),
    blockers: blockers.map((blocker) => {
      const [first, ...others] = at(blocker.findings);
      if (first === undefined) throw new Error(`${gate.repository}: the blocker ${blocker.digest} has no finding`);
      return { ...blocker, findings: [first, ...others] as const };
    }),
    pending: [],
    override: override && overrideFrom(override),
  };
}

/** What a gate waits for is decided anew. */
function stateFrom(kind: SavedRecord['state']): GateState {
  return kind === 'waiting' ? { kind, for: 'brake' } : { kind };
}

const NOT_KEPT = { reason: '', approvedBy: '', by: '' } as const;

function overrideFrom(saved: NonNullable<SavedRecord['override']>): RecordedOverride {
  const { kind, at, until, hasEnded, notified, logged } = saved;
  const order = { ...NOT_KEPT, kind, at, until, ...(hasEnded ? { endedBy: '' } : {}) };
  return { order, delivery: { notified, logged } };
}
