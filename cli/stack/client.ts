// The interface of the client for one cloud of a stack. It reads and writes gates with the credentials of the operator.

import type { Cloud } from '../../config/config.ts';
import type { BrakeState } from '../../shared/gate/brake.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Blocker } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ConfiguredMode, EffectiveMode } from '../../shared/reconcile/mode.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { Ports, Reading, Records, Registry, Row } from '../../shared/reconcile/ports.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { createRules, type RuleSettings } from '../../shared/reconcile/rules.ts';
import type { PauseState, SweepState } from '../../shared/reconcile/schedule.ts';
import type { CommandTrigger } from '../../shared/reconcile/trigger.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { ImageName } from './image-name.ts';

export interface Client {
  readonly cloud: Cloud;
  /** The settings of the deployed function. */
  readonly settings: ClientSettings;

  readonly pause: Row<PauseState>;
  readonly sweep: Pick<Row<SweepState>, 'load'>;
  readonly brake: Pick<Row<BrakeState>, 'load'>;
  readonly records: Pick<Records, 'load' | 'save'>;
  /** Every gate that has a record. */
  gates(): AsyncIterable<Gate & { readonly state: string }>;
  /** About how many messages are in the dead-letter queue (AWS) or the poison queue (Azure). */
  deadLetters(): Promise<number>;

  /** Why the scanner cannot see the registry, or not all of it; undefined if it is healthy. */
  scannerHealth(): Promise<string | undefined>;
  /** The repositories that have images with findings. They say what to observe; they are no evidence. */
  repositoriesWithFindings(): Promise<Iterable<Gate>>;
  /** Finds the image that a name refers to now. */
  find(name: ImageName): Promise<Found>;
  /**
   * Observes every image of a gate, as the function does. Changes nothing.
   *
   * @param blockers the blockers on record; each of them always has an answer
   * @param also other digests that must have an answer
   */
  observe(gate: Gate, blockers: readonly Blocker[], also?: readonly string[]): Promise<Observed>;
  readonly scans: Registry<unknown>['scans'];
  /** What keeps an image from being pulled, as the registry shows it. */
  obstacles(image: FoundImage): Promise<readonly Obstacle[]>;
  /** What keeps all images of a repository from being pulled. On Azure nothing: there the records know every lock. */
  repositoryObstacles(repository: Gate): Promise<readonly Obstacle[]>;

  /** The gate as the registry shows it; undefined if it is not there. */
  read(gate: Gate): Promise<Reading<unknown> | undefined>;
  /** Brings a gate to the state that the mode and its record ask for, without observing its images. */
  reconcile(gate: Gate, mode: EffectiveMode, command: CommandTrigger): Promise<Decision>;
}

export interface ClientSettings extends RuleSettings {
  readonly stack: string;
  readonly mode: ConfiguredMode;
  readonly sweepHours: number;
}

/** What a name refers to. */
export type Found =
  | FoundImage
  /** There is no such repository or image. */
  | { readonly kind: 'absent'; readonly what: string }
  /** The name's registry is not one of the stack's. `registries` are the stack's, as they appear in names of images. */
  | { readonly kind: 'elsewhere'; readonly registries: readonly string[] };

export interface FoundImage {
  readonly kind: 'found';
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The tag in the name. It may be locked, too. */
  readonly tag: string | undefined;
  /** The images of an index, as far as they can be read; each is pulled after the index. Empty for a plain image. */
  readonly children: readonly { readonly digest: string; readonly platform: string }[];
  /** The gates that can block its pulls: the repository, or the image and each of its children. */
  readonly gates: readonly Gate[];
  /** Why it cannot be pulled, whatever pullgate does; undefined if nothing else prevents it. */
  readonly problem?: string | undefined;
}

/** The images of a gate, and what could not be determined. */
export interface Observed {
  readonly images: readonly ImageObservation[];
  /** Why the function may see something else. */
  readonly unsure?: string | undefined;
}

/** Something that refuses pulls. */
export interface Obstacle {
  /** Who set it: this stack, another stack of pullgate, or someone else. */
  readonly by: 'pullgate' | 'anotherStack' | 'others';
  /** `some`: it depends on who pulls. The principals that our own config exempts do not count. */
  readonly for: 'everyone' | 'some';
  /** What it is, in words. */
  readonly what: string;
  /** Since when; undefined if unknown. */
  readonly since?: Instant | undefined;
}

/**
 * Runs the function's own reconciliation from a command. An error of sending the notice is in the words of a command.
 *
 * @param portsFor the cloud's ports for a gate
 */
export async function reconcileByCommand<Snapshot>(
  settings: RuleSettings,
  portsFor: (gate: Gate) => Promise<Ports<Snapshot>>,
  ...[gate, mode, command]: Parameters<Client['reconcile']>
): Promise<Decision> {
  const request = { gate, scope: [], triggers: [command], namedReports: [] };
  const ports = await portsFor(gate);
  let notifyError: string | undefined;
  const notify: Ports<Snapshot>['notify'] = (to, notice) =>
    ports.notify(to, notice).catch((error: unknown) => {
      notifyError = sentenceOf(error);
      throw error;
    });
  const { decision } = await reconcile(request, createRules(settings, mode), { ...ports, notify });
  return decision.action === 'refused' ? decision : { ...decision, notifyError };
}
