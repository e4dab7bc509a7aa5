// The state of Inspector: findings, coverage and the account's status, and the events about findings.

import { createHash } from 'node:crypto';
import type { FindingStatus } from '@aws-sdk/client-inspector2';
import type { Clock } from '../clock.ts';
import type { Bus } from './events.ts';
import { type FindingDetail, findingEvent, readFinding } from './inspector-event.ts';
import type { Advisory, ImageOf, StoredFinding, UseOf } from './inspector-finding.ts';
import { arnOf, type Place } from './place.ts';

export interface Coverage {
  readonly repository: string;
  readonly digest: string;
  /** ACTIVE or INACTIVE. */
  readonly statusCode: string;
  /** SUCCESSFUL, SCAN_ELIGIBILITY_EXPIRED, ACCESS_DENIED, ... */
  readonly reason: string;
  readonly lastScannedAt?: Date;
  readonly account?: string;
}

export interface ReportOptions {
  /** Default ACTIVE. */
  readonly status?: FindingStatus;
  /** If false, the finding is stored but its event is never sent. Default: true. */
  readonly event?: boolean;
}

/** The scanner's actions, for a test or a story. */
export interface Inspector {
  /** Reports an advisory for an image, or changes an earlier report. Returns the finding's ARN. */
  report(image: ImageOf, advisory: Advisory, options?: ReportOptions): Promise<string>;
  setStatus(findingArn: string, status: FindingStatus, options?: { readonly event?: boolean }): Promise<void>;
  /** Deletes findings without an event, as Inspector does after some days. */
  forget(...findingArns: readonly string[]): void;
  /**
   * Closes all findings of an image, each with its event, as Inspector does when an image is deleted or no longer
   * eligible.
   */
  closeAllOf(repository: string, digest: string): Promise<void>;
  /** Stores the finding of a sample event (its `detail`) and returns its ARN. Puts nothing on the bus. */
  importDetail(detail: FindingDetail): string;
  /** Sets how many ECS tasks and EKS pods use an image. Its findings of today report it. */
  setUse(repository: string, digest: string, use: UseOf): void;
  finding(arn: string): StoredFinding | undefined;
  /** The event that Inspector sends about the finding. */
  eventOf(findingArn: string): ReturnType<typeof findingEvent>;
  /** Reports that the initial scan of an image is complete. */
  reportScanComplete(repository: string, digest: string): Promise<void>;
  /** Sets the coverage of an image. */
  cover(coverage: Coverage): void;
  /** Records a scan that finished now, for an image with continuous scanning. */
  scanned(repository: string, digest: string): void;
  uncover(repository: string, digest: string): void;
  /** The status of ECR scanning. Default: ENABLED. */
  setAccountStatus(status: 'ENABLED' | 'ENABLING' | 'DISABLED' | 'SUSPENDED'): void;
}

export interface InspectorWorld extends Inspector {
  readonly accountStatus: () => string;
  readonly findings: ReadonlyMap<string, StoredFinding>;
  /** By repository and digest, for all accounts. */
  readonly byRepository: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<StoredFinding>>>;
  readonly byDigest: ReadonlyMap<string, ReadonlySet<StoredFinding>>;
  readonly coverage: ReadonlyMap<string, ReadonlyMap<string, Coverage>>;
}

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly bus: Bus;
}

export function createInspector({ place, clock, bus }: Parts): InspectorWorld {
  const findings = new Map<string, StoredFinding>();
  const byRepository = new Map<string, Map<string, Set<StoredFinding>>>();
  const byDigest = new Map<string, Set<StoredFinding>>();
  const coverage = new Map<string, Map<string, Coverage>>();
  let accountStatus = 'ENABLED';

  const need = (arn: string): StoredFinding => {
    const found = findings.get(arn);
    if (found === undefined) throw new Error(`the scanner has no finding ${arn}`);
    return found;
  };
  const store = (finding: StoredFinding): void => {
    const { repository, digest } = finding.image;
    findings.set(finding.arn, finding);
    const images = entry(byRepository, repository, () => new Map<string, Set<StoredFinding>>());
    entry(images, digest, () => new Set<StoredFinding>()).add(finding);
    entry(byDigest, digest, () => new Set<StoredFinding>()).add(finding);
  };
  const send = async (finding: StoredFinding): Promise<void> => {
    await bus.put(findingEvent(place, finding));
  };

  return {
    findings,
    byRepository,
    byDigest,
    coverage,
    accountStatus: () => accountStatus,
    finding: (arn) => findings.get(arn),
    eventOf: (arn) => findingEvent(place, need(arn)),
    async report(image, advisory, { status = 'ACTIVE', event = true } = {}) {
      const arn = findingArn(place, image, advisory);
      const now = clock.now();
      const finding = findings.get(arn) ?? { arn, image, advisory, status, firstObservedAt: now, updatedAt: now };
      Object.assign(finding, { advisory, status, updatedAt: now });
      store(finding);
      if (event) await send(finding);
      return arn;
    },
    async setStatus(arn, status, { event = true } = {}) {
      const finding = need(arn);
      Object.assign(finding, { status, updatedAt: clock.now() });
      if (event) await send(finding);
    },
    forget(...arns) {
      for (const arn of arns) {
        const finding = need(arn);
        findings.delete(arn);
        byRepository.get(finding.image.repository)?.get(finding.image.digest)?.delete(finding);
        byDigest.get(finding.image.digest)?.delete(finding);
      }
    },
    async closeAllOf(repository, digest) {
      for (const finding of byRepository.get(repository)?.get(digest) ?? []) {
        if (finding.status === 'CLOSED') continue;
        Object.assign(finding, { status: 'CLOSED', updatedAt: clock.now() });
        await send(finding);
      }
    },
    setUse(repository, digest, use) {
      for (const finding of byRepository.get(repository)?.get(digest) ?? []) finding.use = use;
    },
    importDetail(detail) {
      const finding = readFinding(detail, clock.now());
      store(finding);
      return finding.arn;
    },
    async reportScanComplete(repository, digest) {
      const counts: Record<string, number> = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, TOTAL: 0 };
      for (const { advisory } of byRepository.get(repository)?.get(digest) ?? []) {
        counts['TOTAL'] = (counts['TOTAL'] ?? 0) + 1;
        const severity = advisory.severity ?? '';
        if (severity in counts) counts[severity] = (counts[severity] ?? 0) + 1;
      }
      const arn = arnOf(place, 'ecr', `repository/${repository}`);
      const detail = {
        'scan-status': 'INITIAL_SCAN_COMPLETE',
        'repository-name': arn,
        'finding-severity-counts': counts,
        'image-digest': digest,
        'image-tags': [],
      };
      await bus.put({ source: 'aws.inspector2', 'detail-type': 'Inspector2 Scan', resources: [arn], detail });
    },
    cover(row) {
      entry(coverage, row.repository, () => new Map<string, Coverage>()).set(row.digest, row);
    },
    scanned(repository, digest) {
      this.cover({ repository, digest, statusCode: 'ACTIVE', reason: 'SUCCESSFUL', lastScannedAt: clock.now() });
    },
    uncover: (repository, digest) => void coverage.get(repository)?.delete(digest),
    setAccountStatus(status) {
      accountStatus = status;
    },
  };
}

/** The id of a finding: one per image and advisory, so that a repeated report has the same id. */
function findingArn(place: Place, { repository, digest, account }: ImageOf, { vulnerability }: Advisory): string {
  const id = createHash('sha256')
    .update(`${account}/${repository}@${digest}/${vulnerability}`)
    .digest('hex')
    .slice(0, 32);
  return arnOf({ ...place, account: account ?? place.account }, 'inspector2', `finding/${id}`);
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
