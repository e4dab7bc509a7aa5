// What each button of the page of `npm start -- --watch` does. It acts on all clouds at once, and waits until their
// functions are idle.

import type { Severity } from '../../shared/policy/severity.ts';
import { counted } from '../../shared/report/sentences.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Acts, Found, ImageRef } from '../acts.ts';
import { errorMessage, isRefused } from '../story/cloud.ts';
import type { Action, ActionOf, StackConfig } from './actions.ts';
import type { Entry } from './journal.ts';
import type { KnownImages } from './state.ts';

/** One function per action. Each throws if the action fails. */
export type Doing = { readonly [Name in Action['do']]: (action: ActionOf<Name>) => Promise<void> };

export interface DoingParts {
  readonly clouds: readonly Acts[];
  readonly known: KnownImages;
  /** Adds a line to the page's log. */
  readonly say: (text: string, cloud?: Acts, tone?: Entry['tone']) => void;
  /** Runs the program with a config, and deploys the resulting graph on each cloud. */
  readonly redeploy: (config: StackConfig) => Promise<void>;
}

const INSTALLED = '3.0.13';
const FIXED = '3.0.14';
const SCORES = { informational: 0, low: 3.1, medium: 5.5, high: 8.1, critical: 9.8 } as const satisfies Record<
  Severity,
  number
>;

export function createDoing({ clouds, known, say, redeploy }: DoingParts): Doing {
  let pushes = 0;
  let bursts = 0;

  const nameOf = ({ repository, digest }: ImageRef): string => {
    const [tag] = clouds.flatMap((cloud) =>
      cloud.images().flatMap((image) => (image.repository === repository && image.digest === digest ? image.tags : [])),
    );
    return tag === undefined ? `${repository}@${digest.slice(0, 'sha256:'.length + 12)}` : `${repository}:${tag}`;
  };
  const isIn = (cloud: Acts, { repository, digest }: ImageRef): boolean =>
    cloud.images().some((image) => image.repository === repository && image.digest === digest);
  /** Acts on each cloud that has the image. */
  const onEachWith = async (image: ImageRef, act: (cloud: Acts) => Promise<void>): Promise<void> => {
    const having = clouds.filter((cloud) => isIn(cloud, image));
    if (having.length === 0) throw new Error(`no registry has ${nameOf(image)}; push it again`);
    await onEach(having, act);
  };
  const pushOne = async (cloud: Acts, repository: string, tag: string, content: string): Promise<number> => {
    const pushed = await cloud.push(repository, tag, content);
    if (isRefused(pushed))
      throw new Error(`the push of ${repository}:${tag} failed: ${pushed.status}. ${pushed.message}`);
    return pushed.status;
  };

  return {
    push({ repository, tag }) {
      pushes += 1;
      const content = `${repository}:${tag} ${pushes}`;
      return onEach(clouds, async (cloud) => {
        const status = await pushOne(cloud, repository, tag, content);
        say(`CI pushes ${repository}:${tag}: ${status}.`, cloud);
        await cloud.runUntilIdle();
      });
    },
    report({ repository, digest, ...given }) {
      const image = { repository, digest };
      const found = foundOf(given);
      const { findings } = known.of(image);
      if (findings.some(({ id }) => id === found.id))
        throw new Error(`${found.id} is already reported for this image; use another ID`);
      const name = nameOf(image);
      return onEachWith(image, async (cloud) => {
        await cloud.report(image, [found]);
        Object.assign(known.of(image), { scan: 'found', findings: [...findings, found] });
        say(`${cloud.scanner} finds ${found.id} (${found.severity}) in ${found.package.name} of ${name}.`, cloud);
        await cloud.runUntilIdle();
      });
    },
    pull({ repository, digest }) {
      const image = { repository, digest };
      const name = nameOf(image);
      return onEachWith(image, async (cloud) => {
        const pulled = await cloud.pull(repository, digest);
        const { status, message } = pulled;
        const refused = isRefused(pulled);
        known.of(image).pulls.set(cloud.name, { at: cloud.clock.now().toISOString(), isRefused: refused, status });
        const words = refused ? `refused. ${message ?? ''}` : 'allowed.';
        say(`Production pulls ${name}: ${status}, ${words}`, cloud, refused ? 'closed' : 'opened');
      });
    },
    scanClean({ repository, digest }) {
      const image = { repository, digest };
      const name = nameOf(image);
      return onEachWith(image, async (cloud) => {
        await cloud.scanClean(image);
        Object.assign(known.of(image), { scan: 'clean', findings: [] });
        say(`${cloud.scanner} rescans ${name} and finds nothing.`, cloud);
        await cloud.runUntilIdle();
      });
    },
    forget({ repository, digest }) {
      const image = { repository, digest };
      return onEachWith(image, async (cloud) => {
        const how = await cloud.forget(image);
        Object.assign(known.of(image), { scan: 'forgotten', findings: [] });
        say(`${how} That proves nothing.`, cloud);
        await cloud.runUntilIdle();
      });
    },
    async remove({ repository, digest }) {
      const image = { repository, digest };
      const name = nameOf(image);
      await onEachWith(image, async (cloud) => {
        await cloud.remove(image);
        say(`A user deletes ${name}.`, cloud);
        await cloud.runUntilIdle();
      });
      known.forget(image);
    },
    burst({ images: count, severity }) {
      bursts += 1;
      const repositories = Array.from({ length: count }, (_none, index) => `burst-${bursts}/app-${index + 1}`);
      const given = { id: `CVE-2026-${9_000 + bursts}`, severity, package: 'openssl' };
      const found = foundOf({ ...given, isFixable: true, isExploited: false });
      const images = count === 1 ? '1 image' : `${count} images`;
      return onEach(clouds, async (cloud) => {
        say(`CI pushes ${images}, and ${cloud.scanner} finds ${found.id} (${severity}) in each.`, cloud);
        for (const repository of repositories) {
          await pushOne(cloud, repository, '1.0', repository);
          const image = { repository, digest: cloud.digestOf(repository, '1.0') };
          await cloud.report(image, [found]);
          Object.assign(known.of(image), { scan: 'found', findings: [found] });
        }
        await cloud.runUntilIdle();
      });
    },
    letPass: ({ minutes }) =>
      onEach(clouds, async (cloud) => {
        say(`The clock advances ${counted(minutes, 'minute')}, and the ticks that are due run.`, cloud);
        await cloud.letPass(minutes * MINUTE_MILLISECONDS);
      }),
    async deploy({ config }) {
      say('`pulumi up` runs the program with the new config.');
      await redeploy(config);
      say('The stack is deployed, and a tick has reconciled every gate.');
    },
  };
}

/** Acts on several clouds at once. */
export async function onEach(clouds: readonly Acts[], act: (cloud: Acts) => Promise<void>): Promise<void> {
  const done = await Promise.allSettled(clouds.map(act));
  const failed = done.flatMap((one, index) =>
    one.status === 'rejected' ? [`${clouds[index]?.name}: ${errorMessage(one.reason)}`] : [],
  );
  if (failed.length > 0) throw new Error(failed.join('; '));
}

type Given = Omit<ActionOf<'report'>, 'do' | 'repository' | 'digest'>;

function foundOf({ id, severity, package: name, isFixable, isExploited }: Given): Found {
  return {
    ...{ id, severity, score: SCORES[severity], package: { name, version: INSTALLED }, exploited: isExploited },
    ...(isFixable ? { fixedVersion: FIXED } : {}),
    link: `https://example.com/${encodeURIComponent(id)}`,
  };
}
