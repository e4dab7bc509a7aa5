// The state that the page of `npm start -- --watch` shows next to the log: each image, and its gate on each cloud.
import type { Acts, Found, ImageRef } from '../acts.ts';
import type { StackConfig } from './actions.ts';
import type { Journal } from './journal.ts';

/** One cloud's view of an image. */
export interface Shown {
  readonly isClosed: boolean;
  /** The setting that locks the gate, as JSON. */
  readonly setting: string;
  /** The gate's state and the message in the function's last decision. */
  readonly state?: string;
  readonly why?: string;
  /** The result of production's last pull. */
  readonly pull?: Pull;
}

export interface Pull {
  /** The cloud's time, ISO 8601. */
  readonly at: string;
  readonly isRefused: boolean;
  readonly status: number;
}

export interface ImageState extends ImageRef {
  readonly tags: readonly string[];
  readonly scan: 'none' | 'found' | 'clean' | 'forgotten';
  /** The findings that the scanner reports now. */
  readonly findings: readonly Found[];
  /** By the cloud's name. A cloud whose registry no longer has the image is omitted. */
  readonly on: Readonly<Record<string, Shown>>;
}

export interface State {
  readonly clouds: readonly CloudState[];
  readonly images: readonly ImageState[];
  readonly config: StackConfig;
  /** The action that is running. */
  readonly busy?: string;
}

export interface CloudState {
  readonly name: string;
  readonly scanner: string;
  /** How far the cloud's clock is ahead of the machine's clock. */
  readonly aheadSeconds: number;
  readonly deadLetters: number;
}

/** What the demo knows about an image and the registries do not. */
export interface Known {
  scan: ImageState['scan'];
  findings: readonly Found[];
  /** By the cloud's name. */
  readonly pulls: Map<string, Pull>;
}

export interface KnownImages {
  of(image: ImageRef): Known;
  forget(image: ImageRef): void;
}

export function createKnownImages(): KnownImages {
  const known = new Map<string, Known>();
  const keyOf = ({ repository, digest }: ImageRef) => `${repository}@${digest}`;
  return {
    of(image) {
      const found = known.get(keyOf(image)) ?? { scan: 'none', findings: [], pulls: new Map<string, Pull>() };
      known.set(keyOf(image), found);
      return found;
    },
    forget: (image) => void known.delete(keyOf(image)),
  };
}

/** Every image on any cloud, each listed once. */
export function imagesOn(
  clouds: readonly Acts[],
  known: KnownImages,
  saidOf: Journal['saidOf'],
): readonly ImageState[] {
  const all = clouds.flatMap((cloud) => cloud.images().map((image) => ({ cloud: cloud.name, image })));
  const byImage = Map.groupBy(all, ({ image }) => `${image.repository}@${image.digest}`);
  return [...byImage.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { repository, digest, tags } = first.image;
    const { scan, findings, pulls } = known.of(first.image);
    const on = group.map(({ cloud, image: { isClosed, gate, setting } }): [string, Shown] => {
      const [said, pull] = [saidOf(cloud, gate), pulls.get(cloud)];
      const word = said === undefined ? {} : { state: said.state, why: said.message };
      return [cloud, { isClosed, setting, ...word, ...(pull && { pull }) }];
    });
    return [{ repository, digest, tags, scan, findings, on: Object.fromEntries(on) }];
  });
}

export function cloudState({ name, scanner, clock, deadLetters }: Acts): CloudState {
  const aheadSeconds = Math.floor((clock.now().getTime() - Date.now()) / 1_000);
  return { name, scanner, aheadSeconds, deadLetters: deadLetters() };
}
