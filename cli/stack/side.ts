// One cloud's side of a stack, as the commands see it: the records, the pause, the loop that runs in the cloud, and looks that change nothing.
import type { BrakeState } from '../../shared/gate/brake.ts';
import type { Blocker, Gate } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation, Records, Registry, Row } from '../../shared/reconcile/ports.ts';
import type { RuleSettings } from '../../shared/reconcile/rules.ts';
import type { PauseState, SweepState } from '../../shared/reconcile/schedule.ts';
import type { Decision } from '../../shared/report/decision.ts';
import type { ImageName } from './image-name.ts';

export interface Side {
  readonly cloud: 'aws' | 'azure';
  readonly pause: Row<PauseState>;
  readonly records: Pick<Records, 'load'>;
  /** Every gate that has a record. */
  gates(): AsyncIterable<Gate & { readonly state: string }>;
  /** Opens a gate, whatever is inside: one look at it in the mode `pause`. */
  open(gate: Gate): Promise<Decision>;

  /** What the stack's config decides, as the function has it. */
  readonly settings: SideSettings;
  readonly sweep: Pick<Row<SweepState>, 'load'>;
  readonly brake: Pick<Row<BrakeState>, 'load'>;
  /** How many messages can never succeed, about: the dead-letter queue, the poison queue. */
  deadLetters(): Promise<number>;
  /** Why the scanner sees nothing, or not everything; undefined where it sees. */
  blindness(): Promise<string | undefined>;
  /** The repositories that have images with findings: where to look, and no evidence of anything. */
  repositoriesWithFindings(): Promise<Iterable<Gate>>;
  /** Finds the image that a name leads to now. */
  find(name: ImageName): Promise<Found>;
  /**
   * Observes everything that a gate has, as the function does.
   *
   * @param blockers what the record knows, which always has an answer
   * @param also other digests that are to have an answer
   */
  look(gate: Gate, blockers: readonly Blocker[], also?: readonly string[]): Promise<Looked>;
  readonly scans: Registry<unknown>['scans'];
  /** What keeps an image from being pulled, as the registry shows it. */
  obstacles(image: FoundImage): Promise<readonly Obstacle[]>;
}

export interface SideSettings extends RuleSettings {
  readonly stack: string;
  readonly mode: 'enforce' | 'audit';
  readonly sweepHours: number;
}

/** What a name leads to. */
export type Found =
  | FoundImage
  /** There is no such repository or image. */
  | { readonly kind: 'absent'; readonly what: string }
  /** It is of a registry that is none of this side's; `registries` are, by the names that images have there. */
  | { readonly kind: 'elsewhere'; readonly registries: readonly string[] };

export interface FoundImage {
  readonly kind: 'found';
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The tag that it was named by: it may be locked, too. */
  readonly tag: string | undefined;
  /** The images of an index, each of which is pulled after it, as far as they can be known; none of a plain image. */
  readonly children: readonly { readonly digest: string; readonly platform: string }[];
  /** What closes it: the repository, or the image and each of its children. */
  readonly gates: readonly Gate[];
  /** Where nobody can pull it as it is, whatever pullgate does: why. */
  readonly problem?: string | undefined;
}

/** A look, and what it could not tell. */
export interface Looked {
  readonly looks: readonly ImageObservation[];
  /** Why it may not be the same as what the function sees. */
  readonly unsure?: string | undefined;
}

/** One thing that refuses pulls. */
export interface Obstacle {
  /** Who set it: this stack, another stack of pullgate, or somebody else. */
  readonly by: 'pullgate' | 'anotherStack' | 'others';
  /** `some`: it depends on who pulls. Whom our own config exempts is not counted. */
  readonly for: 'everyone' | 'some';
  /** What it is, in words. */
  readonly what: string;
  /** Since when; undefined where nobody knows. */
  readonly since?: Instant | undefined;
}

/** How a gate is opened by hand: nothing in it is looked at. */
export function releaseHint(gate: Gate) {
  return { gate, scope: [], triggers: ['release'] as const, activeFindings: [] };
}
