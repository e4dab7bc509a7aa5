// The true state of one run's world: its registries, images and findings, in their simplest form.

export type Word = 'critical' | 'high' | 'medium' | 'low';

/** A vulnerability of the run's catalogue. It affects one package of an image. */
export interface Vulnerability {
  readonly id: string;
  /** Undefined if the scanner gives no known severity. The score decides then. */
  readonly severity: Word | undefined;
  readonly score: number;
  readonly fixable: boolean;
  readonly exploited: boolean;
  /** The EPSS score. Undefined: the scanner has none. */
  readonly epss: number | undefined;
}

/**
 * The scanner's status of a vulnerability in an image. `vanished` is gone without proof; `clean` is gone after a
 * finished scan.
 */
export type FindingStatus = 'active' | 'suppressed' | 'vanished' | 'clean';

export interface TrueFinding {
  readonly vulnerability: Vulnerability;
  status: FindingStatus;
}

export interface TrueImage {
  readonly name: string;
  readonly repository: string;
  present: boolean;
  readonly tags: Set<string>;
  readonly findings: Map<string, TrueFinding>;
  /** When a scan last finished without any finding, in milliseconds since the epoch. */
  cleanAt: number | undefined;
  /** When it was last pushed while it was not in the registry. */
  pushedAt: number | undefined;
  /** The scanner covers it, and has finished a scan of it. */
  hasCoverage: boolean;
  /** Others locked the image before the run, so pullgate must not change it. Only if images can be locked. */
  readonly foreignLock: boolean;
}

export interface TrueRepository {
  readonly name: string;
  /** Whether the config includes it. */
  readonly included: boolean;
  /** Whether it serves Lambda functions. If so, pullgate notifies but never closes it. */
  readonly servesLambda: boolean;
}

export interface PlainPolicy {
  readonly threshold: Word;
  readonly unfixable: Word | 'never';
  readonly exploited: Word | 'never';
  readonly epss: number | 'never';
  readonly images: 'tagged' | 'all';
  /** Vulnerability ids that are excepted everywhere. */
  readonly excepted: readonly string[];
}

export interface Truth {
  readonly repositories: Map<string, TrueRepository>;
  readonly images: Map<string, TrueImage>;
  policy: PlainPolicy;
}

/** An event in the world. */
export type Step =
  /** A new or earlier image is pushed, and the tag moves to it. */
  | { readonly kind: 'push'; readonly image: string; readonly repository: string; readonly tag: string }
  | { readonly kind: 'report'; readonly image: string; readonly vulnerability: Vulnerability }
  /** The scanner drops its active findings without proof that they are gone. */
  | { readonly kind: 'vanish'; readonly image: string }
  /** A scan finishes without any finding. */
  | { readonly kind: 'fix'; readonly image: string }
  | { readonly kind: 'suppress' | 'unsuppress'; readonly image: string; readonly vulnerability: Vulnerability }
  | { readonly kind: 'remove'; readonly image: string }
  /** An old event of a finding arrives again, unchanged. */
  | { readonly kind: 'replay'; readonly image: string; readonly vulnerability: Vulnerability }
  /** The team changes its own part of the repository's policy and keeps the rest. */
  | { readonly kind: 'edit'; readonly repository: string }
  /** The team's tooling writes the policy without our statement, or removes our locks. */
  | { readonly kind: 'strip'; readonly repository: string }
  /** `pulumi up` with another policy. */
  | { readonly kind: 'policy'; readonly policy: PlainPolicy }
  | PersonStep;

/** What a person does to the stack, with the commands or to its table. */
export type PersonStep =
  /** `pullgate override`: the gate of an image stays open or closed for a while. */
  | { readonly kind: 'override'; readonly order: Order; readonly image: string; readonly minutes: number }
  /**
   * `pullgate pause --for`. While the pause lasts, the row of the gate of the image `unreadable`, if any, cannot be
   * read.
   */
  | { readonly kind: 'pause'; readonly minutes: number; readonly unreadable: string | undefined }
  /** The record of an image's gate is lost: the table was restored from an older backup. */
  | { readonly kind: 'lose'; readonly image: string };

export type WorldStep = Exclude<Step, PersonStep>;

export type Order = 'open' | 'closed';

export function isOfPerson(step: Step): step is PersonStep {
  return step.kind === 'override' || step.kind === 'pause' || step.kind === 'lose';
}

/** Applies a step to the truth at the given time. */
export function happen(truth: Truth, step: Step, at: number): void {
  const { images } = truth;
  const image = (name: string): TrueImage => {
    const found = images.get(name);
    if (found === undefined) throw new Error(`there is no image ${name}`);
    return found;
  };
  const finding = (of: string, { id }: Vulnerability): TrueFinding => {
    const found = image(of).findings.get(id);
    if (found === undefined) throw new Error(`${of} has no finding ${id}`);
    return found;
  };
  switch (step.kind) {
    case 'push':
      for (const other of images.values()) if (other.repository === step.repository) other.tags.delete(step.tag);
      if (!image(step.image).present) image(step.image).pushedAt = at;
      image(step.image).present = true;
      image(step.image).tags.add(step.tag);
      return;
    case 'report':
      image(step.image).findings.set(step.vulnerability.id, { vulnerability: step.vulnerability, status: 'active' });
      return;
    case 'vanish':
      for (const one of image(step.image).findings.values()) if (one.status === 'active') one.status = 'vanished';
      // Without a current scan, there is no proof that the image is clean.
      Object.assign(image(step.image), { cleanAt: undefined, hasCoverage: false });
      return;
    case 'fix':
      for (const one of image(step.image).findings.values()) one.status = 'clean';
      Object.assign(image(step.image), { cleanAt: at, hasCoverage: true });
      return;
    case 'suppress':
      finding(step.image, step.vulnerability).status = 'suppressed';
      return;
    case 'unsuppress':
      finding(step.image, step.vulnerability).status = 'active';
      return;
    case 'remove':
      image(step.image).present = false;
      image(step.image).tags.clear();
      return;
    case 'policy':
      truth.policy = step.policy;
      return;
    case 'edit':
    case 'replay':
    case 'strip':
    case 'override':
    case 'pause':
    case 'lose':
      return;
  }
}
