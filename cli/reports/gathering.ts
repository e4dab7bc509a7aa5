// Gathers the findings of reports by image. Equal findings are stored once, because images with the same base share
// most of their findings.
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { Severity } from '../../shared/policy/severity.ts';
import { NO_FINDINGS, type SeverityCounts, severityWord } from './counts.ts';
import { type Packed, pack } from './packed.ts';

/** An AWS account, which is the registry of an ECR image. */
export const AWS_ACCOUNT = /^\d{12}$/;
/** The reasons to leave out an entry that needs no judgement. */
const SETTLED = ['closed', 'not affected', 'healthy or not applicable'];
/** Why an image has no gate. */
export const LEFT_OUT = "in a repository that the stack's config excludes";

/** One image of a report. */
export interface ReportedImage {
  /**
   * AWS: the account id. Azure: the registry's id or name. Otherwise, the host in the image's name; empty if unknown.
   */
  readonly registry: string;
  /** Empty if the report does not name the image. Each such image is another one. */
  readonly repository: string;
  /** Empty if the report does not contain it. Then no exception for a digest matches. */
  readonly digest: string;
  readonly tags: readonly string[];
  /** Does it count as tagged? Default: true, because a report does not show which images a tagged index contains. */
  readonly tagged?: boolean;
  /** The image is untagged, and it is unknown whether a tagged index contains it. Default: false. */
  readonly mayNotCount?: boolean;
  /** The report does not clearly identify the registry and repository. Default: false. */
  readonly isUnplaced?: boolean;
}

export interface GatheredImage extends ReportedImage {
  /** The findings that could matter to at least one of the policies, without duplicates. */
  readonly findings: Set<Packed>;
}

export interface Gathered {
  /** Every reported image, including images without findings that could matter. */
  readonly images: readonly GatheredImage[];
  readonly reported: SeverityCounts;
  /** The number of report entries that were left out, by reason: `closed`, `not for an image in a registry`. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** How many findings that could matter have no disclosure date. They have no grace period. */
  readonly undated: number;
}

export interface Gathering {
  image(image: ReportedImage): GatheredImage;
  add(image: GatheredImage, finding: Finding): void;
  /** @param count the number of report entries. Default: 1 */
  leaveOut(why: string, count?: number): void;
  /** The number of findings so far. */
  count(): number;
  /** Packs a finding for later. Equal findings share one string in memory. */
  keep(finding: Finding): Packed;
  result(): Gathered;
}

/**
 * The most findings that are compared to find equal ones. Beyond that, images share few findings, and comparing would
 * only cost memory.
 */
const MAX_SHARED = 100_000;

/** Were entries left out for other reasons, and is no image left? Then the reports prove nothing. */
export function isNothingJudged({ images, leftOut }: Pick<Gathered, 'images' | 'leftOut'>): boolean {
  return images.length === 0 && Object.keys(leftOut).some((why) => why !== LEFT_OUT && !SETTLED.includes(why));
}

/** @param policies findings that could matter to any of them are kept; all others are only counted */
export function gatheringFor(policies: readonly Policy[]): Gathering {
  const images = new Map<string, GatheredImage>();
  const shared = new Map<Packed, Packed>();
  const reported = { ...NO_FINDINGS };
  const leftOut: Record<string, number> = {};
  const cannotMatter = severitiesBelowAll(policies);
  let count = 0;
  let undated = 0;
  let unnamed = 0;

  function keep(finding: Finding): Packed {
    const packed = pack(finding);
    const before = shared.get(packed);
    if (before !== undefined) return before;
    if (shared.size < MAX_SHARED) shared.set(packed, packed);
    return packed;
  }

  return {
    image(given) {
      const image = given.repository === '' ? { ...given, repository: `unnamed-${++unnamed}` } : given;
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

/** The severities that do not matter to any of the policies. */
export function severitiesBelowAll(policies: readonly Policy[]): ReadonlySet<Severity> {
  return new Set(severitiesThatCannotMatter(...policies));
}
