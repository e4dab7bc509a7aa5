// The state of Defender for Cloud: its assessments, and the events about their changes.
import type { Clock } from '../clock.ts';
import { type Assessment, assessmentId, type Cve, type Package, type Status } from './assessment.ts';
import { armObject, rowOfAssessment } from './assessment-wire.ts';
import type { SecurityEvents } from './security-events.ts';

/** A report about an image. */
export interface AssessOptions {
  /** The registry's ARM id. */
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  /** Default: none. */
  readonly tags?: readonly string[];
  readonly package: string | Package;
  readonly cves: readonly Cve[];
  /** The severity of the assessment itself. Default: that of its worst CVE, or High if the CVEs have none. */
  readonly severity?: string;
  /** Default: Unhealthy. */
  readonly status?: Status;
  /** Default: individual. */
  readonly shape?: Assessment['shape'];
  /** Default: pascal. */
  readonly casing?: Assessment['casing'];
  /** Default: array. */
  readonly cvesAs?: Assessment['cvesAs'];
  /** Default: bare. */
  readonly details?: Assessment['details'];
  /** Default: dashed. */
  readonly naming?: Assessment['naming'];
  /** Default: object. */
  readonly additionalAs?: Assessment['additionalAs'];
  /** If false, the assessment is stored, but Defender sends no event and writes no row. Default: true. */
  readonly event?: boolean;
}

/** The scanner's actions, for a test or a story. */
export interface Defender {
  /**
   * Reports an image, or changes an earlier report. Returns the ids: one for an individual assessment, one per CVE for
   * grouped ones.
   */
  assess(options: AssessOptions): Promise<readonly string[]>;
  /** For `NotApplicable`, the default cause is Exempt. */
  setStatus(ids: string | readonly string[], status: Status, cause?: string): Promise<void>;
  /** Removes assessments, as when an image is deleted: sends an event with the action Delete, and writes no row. */
  remove(ids: string | readonly string[]): Promise<void>;
  /** Removes assessments silently: sends no event, and omits them from later snapshots. */
  forget(ids: string | readonly string[]): void;
  /** Sends the weekly snapshot of everything. */
  snapshot(): Promise<void>;
  /** Sends any event as Defender would, for forged, unusual or unrelated events. It leaves no row. */
  sendEvent(body: { readonly id: string; readonly [key: string]: unknown }): Promise<void>;
  assessment(id: string): Assessment | undefined;
  /** The event that Defender sends about the assessment. */
  eventOf(id: string): ReturnType<typeof eventBody>;
}

interface Parts {
  readonly clock: Clock;
  readonly events: SecurityEvents;
  /** The login server of the registry with this ARM id. */
  readonly loginServerOf: (registry: string) => string;
}

export function createDefender({ clock, events, loginServerOf }: Parts): Defender {
  const assessments = new Map<string, Assessment>();
  const lastTimes = new Map<string, number>();

  /**
   * Gives each row of an assessment a different time, so that the latest is always known, even if the clock stands
   * still.
   */
  function timeOf(id: string): number {
    const time = Math.max(clock.now().getTime(), (lastTimes.get(id) ?? 0) + 1);
    lastTimes.set(id, time);
    return time;
  }

  async function publish(assessment: Assessment, action: 'Insert' | 'Delete', isSnapshot: boolean): Promise<void> {
    const isGrouped = assessment.shape === 'grouped';
    const source = isGrouped ? 'SubAssessments' : 'Assessments';
    const table = isGrouped ? 'SecurityNestedRecommendation' : 'SecurityRecommendation';
    const row = { table, row: rowOfAssessment(assessment, timeOf(assessment.id), isSnapshot) } as const;
    await events.send(
      { source: isSnapshot ? `${source}Snapshot` : source, body: eventBody(assessment, action, isSnapshot) },
      action === 'Insert' ? row : undefined,
    );
  }

  const need = (id: string): Assessment => {
    const found = assessments.get(id);
    if (found === undefined) throw new Error(`Defender has no assessment ${id}`);
    return found;
  };
  const each = (ids: string | readonly string[]) => (typeof ids === 'string' ? [ids] : ids).map(need);

  return {
    async assess(options) {
      const ids: string[] = [];
      for (const made of assessmentsOf(options, loginServerOf(options.registry), clock.now())) {
        const assessment = { ...made, firstSeenAt: assessments.get(made.id)?.firstSeenAt ?? made.firstSeenAt };
        assessments.set(made.id, assessment);
        ids.push(made.id);
        if (options.event ?? true) await publish(assessment, 'Insert', false);
      }
      return ids;
    },
    async setStatus(ids, status, cause) {
      for (const assessment of each(ids)) {
        const changed = { ...assessment, status, ...(cause === undefined ? {} : { cause }) };
        assessments.set(assessment.id, changed);
        await publish(changed, 'Insert', false);
      }
    },
    async remove(ids) {
      for (const assessment of each(ids)) {
        assessments.delete(assessment.id);
        await publish(assessment, 'Delete', false);
      }
    },
    forget(ids) {
      for (const { id } of each(ids)) assessments.delete(id);
    },
    async snapshot() {
      for (const assessment of assessments.values()) await publish(assessment, 'Insert', true);
    },
    async sendEvent(body) {
      const source = /\/subassessments\//i.test(body.id) ? 'SubAssessments' : 'Assessments';
      await events.send({ source, body }, undefined);
    },
    assessment: (id) => assessments.get(id),
    eventOf: (id) => eventBody(need(id), 'Insert', false),
  };
}

function assessmentsOf(options: AssessOptions, loginServer: string, now: Date): readonly Assessment[] {
  const { registry, repository, digest, tags = [], cves, status = 'Unhealthy', shape = 'individual' } = options;
  const { casing = 'pascal', cvesAs = 'array', details = 'bare', naming = 'dashed', additionalAs = 'object' } = options;
  const software = typeof options.package === 'string' ? { name: options.package } : options.package;
  const image = { registry, loginServer, repository, digest, tags };
  const shared = { ...image, package: software, status, shape, casing, cvesAs, details, naming, additionalAs };
  if (shape === 'individual') {
    const id = assessmentId(shared, software.name);
    return [{ ...shared, id, cves, severity: options.severity ?? worstOf(cves), firstSeenAt: now }];
  }
  return cves.map((cve) => ({
    ...shared,
    id: assessmentId(shared, `${software.name} ${cve.id}`),
    cves: [cve],
    severity: options.severity ?? cve.severity ?? '',
    firstSeenAt: now,
  }));
}

const WORDS = ['Critical', 'High', 'Medium', 'Low'];

/** The documentation does not say how Defender rates a recommendation. Here it is as severe as its worst CVE. */
function worstOf(cves: readonly Cve[]): string {
  return WORDS.find((word) => cves.some(({ severity }) => severity === word)) ?? 'High';
}

function eventBody(assessment: Assessment, action: 'Insert' | 'Delete', isSnapshot: boolean) {
  return {
    assessmentEventDataEnrichment: { action, apiVersion: '2019-01-01', isSnapshot },
    ...armObject(assessment),
  };
}
