// What is really the case in the world of one run: registries, images and findings, as plainly as they can be written
// down.

export type Word = 'critical' | 'high' | 'medium' | 'low';

/** A vulnerability of the run's catalogue. An image has it once, in one package. */
export interface Vulnerability {
  readonly id: string;
  /** Undefined: the scanner gives no severity that anybody knows, and the score counts. */
  readonly severity: Word | undefined;
  readonly score: number;
  readonly fixable: boolean;
  readonly exploited: boolean;
}

/**
 * What the scanner says of a vulnerability of an image: vanished is gone without any proof, clean is gone by a finished
 * scan.
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
  /** When a scan last finished that found nothing at all, in milliseconds since the epoch. */
  cleanAt: number | undefined;
  /** Of somebody else's, from before everything: never pullgate's to change. Only where images can be locked. */
  readonly foreignLock: boolean;
}

export interface TrueRepository {
  readonly name: string;
  /** Does the config include it? */
  readonly included: boolean;
  /** It serves Lambda functions: announced, never closed. */
  readonly servesLambda: boolean;
  /** How often its team has written its own part of the policy. */
  edits: number;
}

export interface PlainPolicy {
  readonly threshold: Word;
  readonly unfixable: Word | 'never';
  readonly exploited: Word | 'never';
  readonly images: 'tagged' | 'all';
  /** Ids that are excepted everywhere. */
  readonly excepted: readonly string[];
}

export interface Truth {
  readonly repositories: Map<string, TrueRepository>;
  readonly images: Map<string, TrueImage>;
  policy: PlainPolicy;
}

/** Something that happens in the world. */
export type Step =
  /** A new image, or one that was there before, under a tag that moves to it. */
  | { readonly kind: 'push'; readonly image: string; readonly repository: string; readonly tag: string }
  | { readonly kind: 'report'; readonly image: string; readonly vulnerability: Vulnerability }
  /** The scanner forgets what it said, and nothing is proved. */
  | { readonly kind: 'vanish'; readonly image: string }
  /** A finished scan finds nothing any more. */
  | { readonly kind: 'fix'; readonly image: string }
  | { readonly kind: 'suppress' | 'unsuppress'; readonly image: string; readonly vulnerability: Vulnerability }
  | { readonly kind: 'remove'; readonly image: string }
  /** The event of a finding comes once more, as it was at its time. */
  | { readonly kind: 'replay'; readonly image: string; readonly vulnerability: Vulnerability }
  /** The team changes its own part of the repository's policy, and keeps what else is there. */
  | { readonly kind: 'edit'; readonly repository: string }
  /** The team's tooling writes the policy without our statement, or takes our locks away. */
  | { readonly kind: 'strip'; readonly repository: string }
  /** `pulumi up` with another policy. */
  | { readonly kind: 'policy'; readonly policy: PlainPolicy };

/** Does the step, at this time. */
export function happen(truth: Truth, step: Step, at: number): void {
  const { repositories, images } = truth;
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
      image(step.image).present = true;
      image(step.image).tags.add(step.tag);
      return;
    case 'report':
      image(step.image).findings.set(step.vulnerability.id, { vulnerability: step.vulnerability, status: 'active' });
      return;
    case 'vanish':
      for (const one of image(step.image).findings.values()) if (one.status === 'active') one.status = 'vanished';
      // Who does not scan any more vouches for nothing.
      image(step.image).cleanAt = undefined;
      return;
    case 'fix':
      for (const one of image(step.image).findings.values()) one.status = 'clean';
      image(step.image).cleanAt = at;
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
    case 'edit': {
      const repository = repositories.get(step.repository);
      if (repository !== undefined) repository.edits += 1;
      return;
    }
    case 'policy':
      truth.policy = step.policy;
      return;
    case 'replay':
    case 'strip':
      return;
  }
}
