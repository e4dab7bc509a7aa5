// What the page of `npm start -- --watch` shows beside the log: each image, and how each cloud's registry has it.
import type { Acts, Found, ImageRef } from '../acts.ts';
import type { StackConfig } from './actions.ts';
import type { Journal } from './journal.ts';

/** What one cloud shows of an image. */
export interface Shown {
  readonly isClosed: boolean;
  /** What the registry holds of the gate, as JSON. */
  readonly setting: string;
  /** The gate's state in the function's last word of it, and that word. */
  readonly state?: string;
  readonly why?: string;
  /** What came of production's last pull. */
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
  /** What the scanner says of it now. */
  readonly findings: readonly Found[];
  /** By the cloud's name; a cloud in which the image is not any more is left out. */
  readonly on: Readonly<Record<string, Shown>>;
}

export interface State {
  readonly clouds: readonly CloudState[];
  readonly images: readonly ImageState[];
  readonly config: StackConfig;
  /** What is under way. */
  readonly busy?: string;
}

export interface CloudState {
  readonly name: string;
  readonly scanner: string;
  /** How far the cloud's clock has been moved ahead of the machine's. */
  readonly aheadSeconds: number;
  readonly deadLetters: number;
}

/** What is known of an image beside what the registries say. */
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

/** Every image of any cloud, once. */
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
