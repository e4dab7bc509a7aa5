// The interface of the client for one cloud of a stack. The client reads and changes gates with the operator's
// credentials.

import type { Cloud } from '../../config/config.ts';
import type { BrakeState } from '../../shared/gate/brake.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Blocker } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { type Delivered, type DeliveryPorts, deliverPending, MAX_GATES } from '../../shared/reconcile/deliver.ts';
import type { Suspension } from '../../shared/reconcile/mode.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { Ports, Reading, Records, Registry, Row } from '../../shared/reconcile/ports.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { createRules, type RuleSettings } from '../../shared/reconcile/rules.ts';
import type { PauseState, SweepState } from '../../shared/reconcile/schedule.ts';
import type { CommandTrigger } from '../../shared/reconcile/trigger.ts';
import type { UnscannedImage } from '../../shared/reconcile/unscanned.ts';
import type { Decision, Outcome } from '../../shared/report/decision.ts';
import { chunksOf } from '../../shared/runtime/chunks.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { ImageName } from './image-name.ts';
import type { UnreadDetails } from './unread-details.ts';

export interface Client {
  readonly cloud: Cloud;
  /** The settings of the deployed function. */
  readonly settings: ClientSettings;

  readonly pause: Row<PauseState>;
  readonly sweep: Pick<Row<SweepState>, 'load'>;
  readonly brake: Row<BrakeState>;
  readonly records: Pick<Records, 'load' | 'save'>;
  /** Every gate that has a record. */
  gates(): AsyncIterable<Gate & { readonly state: string }>;
  /** The approximate number of messages in the dead-letter queue (AWS) or the poison queue (Azure). */
  deadLetters(): Promise<number>;

  /** Why the scanner cannot see all of the registry; undefined if it is healthy. */
  scannerHealth(): Promise<string | undefined>;
  /**
   * The reports that matched no image of the stack when `repositoriesWithFindings` was last asked. Undefined if all
   * matched. Not given if every report names its registry.
   */
  unattributed?(): Unattributed | undefined;
  /**
   * Images that exist and had events that could not be processed, because the scanner's log does not confirm them. Not
   * given if the cloud has no such log.
   */
  imagesWithoutRow?(): Promise<readonly string[]>;
  /** The images that no scan judges. Not given if the scanner does not tell. */
  unscannedImages?(): Promise<readonly UnscannedImage[]>;
  /** The repositories that have images with findings. They tell what to observe, and are not evidence. */
  repositoriesWithFindings(): Promise<Iterable<Gate>>;
  /** Finds the image that a name currently refers to. */
  find(name: ImageName): Promise<Found>;
  /**
   * Observes every image of a gate, as the function does. Changes nothing.
   *
   * @param blockers the blockers on record; the result always includes each of them
   * @param also other digests that the result must include
   */
  observe(gate: Gate, blockers: readonly Blocker[], also?: readonly string[]): Promise<Observed>;
  /**
   * The details of CVEs that the observations since the last call could not read. Undefined if all were read, or none
   * was needed. Not given if the cloud has none.
   */
  unreadDetails?(): UnreadDetails | undefined;
  readonly scans: Registry<unknown>['scans'];
  /** What prevents pulls of an image, according to the registry. */
  obstacles(image: FoundImage): Promise<readonly Obstacle[]>;
  /** What prevents pulls of all images in a repository. Empty on Azure, because the records contain every lock. */
  repositoryObstacles(repository: Gate): Promise<readonly Obstacle[]>;

  /** Reads the gate in the registry; undefined if it does not exist. */
  read(gate: Gate): Promise<Reading<unknown> | undefined>;
  /**
   * Opens a gate whose record cannot be read, if a mark in the registry shows that the lock is this stack's. Changes no
   * record and sends no notice.
   */
  openByMark(gate: Gate): Promise<Outcome>;
  /**
   * Brings a gate to the state that its rules and its record require, without observing its images. Sends the notices
   * of an override; `deliver` sends the others.
   */
  reconcile(gate: Gate, suspended: Suspension | undefined, command: CommandTrigger): Promise<Decision>;
  /** Sends the pending notices of these gates, many of one kind as one summary. It needs no function. */
  deliver(gates: readonly Gate[]): Promise<Delivered>;
}

export interface ClientSettings extends RuleSettings {
  readonly sweepHours: number;
}

/** Images with reports, by why they match no image of the stack. */
export interface Unattributed {
  /** Images that are in no registry of the stack. */
  readonly unattributed: number;
  /** Images that may be in a registry that did not respond. */
  readonly unread: number;
  /** Some of the reports of the unattributed images. */
  readonly assessments: readonly string[];
}

/** What a name refers to. */
export type Found =
  | FoundImage
  /** There is no such repository or image. */
  | { readonly kind: 'absent'; readonly what: string }
  /**
   * The registry in the name is not one of the stack's. `registries` are the stack's, as they appear in image names.
   */
  | { readonly kind: 'elsewhere'; readonly registries: readonly string[] };

export interface FoundImage {
  readonly kind: 'found';
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The tag in the name. It can be locked too. */
  readonly tag: string | undefined;
  /** The readable images of an index, which are pulled after the index. Empty if the image is not an index. */
  readonly children: readonly { readonly digest: string; readonly platform: string }[];
  /** The gates that can block its pulls: the repository, or the image and each of its children. */
  readonly gates: readonly Gate[];
  /** Why the image cannot be pulled, independent of pullgate; undefined if there is no such reason. */
  readonly problem?: string | undefined;
}

/** The images of a gate, and why the observation may be incomplete. */
export interface Observed {
  readonly images: readonly ImageObservation[];
  /** Why the function may observe something different. */
  readonly unsure?: string | undefined;
}

/** Something that prevents pulls. */
export interface Obstacle {
  /** Who set it: this stack, another stack of pullgate, or someone else. */
  readonly by: 'pullgate' | 'anotherStack' | 'others';
  /** `some`: only some principals are affected. The principals that the stack's config exempts are ignored. */
  readonly for: 'everyone' | 'some';
  /** A description for the user. */
  readonly what: string;
  /** Since when; undefined if unknown. */
  readonly since?: Instant | undefined;
}

/**
 * Runs the function's reconciliation from a command. If the notice cannot be sent, the error is worded for the command.
 *
 * @param portsFor the cloud's ports for a gate
 */
export async function reconcileByCommand<Snapshot>(
  settings: RuleSettings,
  portsFor: (gate: Gate) => Promise<Ports<Snapshot>>,
  ...[gate, suspended, command]: Parameters<Client['reconcile']>
): Promise<Decision> {
  const request = { gate, scope: [], triggers: [command], namedReports: [] };
  const ports = await portsFor(gate);
  let notifyError: string | undefined;
  const notify: Ports<Snapshot>['notify'] = (to, notice) =>
    ports.notify(to, notice).catch((error: unknown) => {
      notifyError = sentenceOf(error);
      throw error;
    });
  const { decision } = await reconcile(request, createRules(settings, suspended), { ...ports, notify });
  return decision.action === 'refused' ? decision : { ...decision, notifyError };
}

/** Delivers the pending notices of these gates from a command. */
export async function deliverByCommand(
  ports: Omit<DeliveryPorts, 'pendingGates'>,
  gates: readonly Gate[],
): Promise<Delivered> {
  const delivered: Delivered[] = [];
  for (const chunk of chunksOf(gates, MAX_GATES)) {
    const pendingGates = async function* () {
      yield chunk;
    };
    delivered.push(await deliverPending({ ...ports, pendingGates }));
  }
  return {
    gates: delivered.reduce((sum, one) => sum + one.gates, 0),
    failures: delivered.flatMap(({ failures }) => failures),
  };
}
