// Gathers the findings of reports by image, each kept once however often it is reported: the images of one base share
// nearly all of theirs.
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { SEVERITIES, type Severity } from '../../shared/policy/severity.ts';
import { NO_FINDINGS, type SeverityCounts, severityWord } from './counts.ts';
import { type Packed, pack } from './packed.ts';

/** What the registry of ECR is: an account. */
export const AWS_ACCOUNT = /^\d{12}$/;
/** Why an image of ECR has no gate. */
export const LEFT_OUT = 'of a repository that the stack leaves out';

/** One image of a report. */
export interface ReportedImage {
  /**
   * AWS: the account's id. Azure: the registry's id, or its name. Else the host of the image's name; empty if unknown.
   */
  readonly registry: string;
  readonly repository: string;
  /** Empty if the report does not say: then no exception for a digest matches. */
  readonly digest: string;
  readonly tags: readonly string[];
  /** Does it count as tagged? Default: yes. A report does not say to which images a tagged index leads. */
  readonly tagged?: boolean;
  /** It is known to have no tag, and whether a tagged index contains it is unknown. Default: false. */
  readonly mayNotCount?: boolean;
  /** The report does not say for certain in which registry and repository it is. Default: it does. */
  readonly isUnplaced?: boolean;
}

export interface GatheredImage extends ReportedImage {
  /** What could matter to one of the policies, each once. */
  readonly findings: Set<Packed>;
}

export interface Gathered {
  /** Every image that has been reported, those without findings that could matter too. */
  readonly images: readonly GatheredImage[];
  readonly reported: SeverityCounts;
  /**
   * What was read and is no finding of an image of today, by why: `closed`, `of something else than a registry image`.
   */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Findings that could matter and do not say when they were disclosed: no grace counts for them. */
  readonly undated: number;
}

export interface Gathering {
  image(image: ReportedImage): GatheredImage;
  add(image: GatheredImage, finding: Finding): void;
  /** @param count of findings. Default: 1 */
  leaveOut(why: string, count?: number): void;
  /** How many findings there are so far. */
  count(): number;
  /** A finding for later: the same one is the same text, and takes its room once. */
  keep(finding: Finding): Packed;
  result(): Gathered;
}

/**
 * The most findings that are kept to find equal ones. Images with more of them share little: it would only take memory.
 */
const MAX_SHARED = 100_000;

/** @param policies what could matter to any of them is kept, and everything else is only counted */
export function gatheringFor(policies: readonly Policy[]): Gathering {
  const images = new Map<string, GatheredImage>();
  const shared = new Map<Packed, Packed>();
  const reported = { ...NO_FINDINGS };
  const leftOut: Record<string, number> = {};
  const cannotMatter = severitiesBelowAll(policies);
  let count = 0;
  let undated = 0;

  function keep(finding: Finding): Packed {
    const packed = pack(finding);
    const before = shared.get(packed);
    if (before !== undefined) return before;
    if (shared.size < MAX_SHARED) shared.set(packed, packed);
    return packed;
  }

  return {
    image(image) {
      const key = `${image.registry}/${image.repository}@${image.digest === '' ? image.tags.join() : image.digest}`;
      const before = images.get(key);
      if (before !== undefined) return before;
      const made = { ...image, findings: new Set<Packed>() };
      images.set(key, made);
      return made;
    },
    add({ findings }, finding) {
      count += 1;
      const { severity } = finding;
      reported[severityWord(finding)] += 1;
      if (severity.kind === 'known' && cannotMatter.has(severity.severity)) return;
      if (finding.disclosedAt === undefined) undated += 1;
      findings.add(keep(finding));
    },
    leaveOut(why, count = 1) {
      leftOut[why] = (leftOut[why] ?? 0) + count;
    },
    count: () => count,
    keep,
    result: () => ({ images: [...images.values()], reported, leftOut, undated }),
  };
}

/** The severities that matter to none of the policies. */
export function severitiesBelowAll(policies: readonly Policy[]): ReadonlySet<Severity> {
  const below = policies.map((policy) => new Set(severitiesThatCannotMatter(policy)));
  return new Set(SEVERITIES.filter((severity) => below.every((one) => one.has(severity))));
}
