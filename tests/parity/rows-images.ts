// Rows about images: which are in scope, which are blockers, and what opens the gate. Also about findings that
// disappear without an event.
import type { Act, Row, Site } from './row.ts';
import { CRITICAL, HIGH, MEDIUM, UNKNOWN } from './vulnerabilities.ts';
import type { Vulnerability } from './world.ts';

const CLOSED = 'block, closed, notified "closed"';
const AGAIN = 'block, closed, notified "closed again"';
const STAYS = 'block, closed';
const OPEN = 'nothing to say';
const OPENED = 'nothing to say, notified "opened"';

/** A row that keeps the digests of pushed images by name for later stages, separately for each cloud. */
function withImages(make: (digests: Map<string, string>) => readonly Act[], row: Omit<Row, 'acts'>): Row {
  const known = new WeakMap<Site['world'], readonly Act[]>();
  const actsOf = ({ world }: Site) => {
    const acts = known.get(world) ?? make(new Map());
    known.set(world, acts);
    return acts;
  };
  return { ...row, acts: row.wanted.map((_wanted, stage) => async (site) => actsOf(site)[stage]?.(site)) };
}

/** Pushes a tagged image, with its findings. */
function pushed(digests: Map<string, string>, tag: string, ...vulnerabilities: readonly Vulnerability[]): Act {
  return async (site) => {
    const digest = await site.push(tag);
    digests.set(tag, digest);
    if (vulnerabilities.length > 0) await site.report(digest, ...vulnerabilities);
  };
}

const needed = (digests: ReadonlyMap<string, string>, tag: string): string => {
  const digest = digests.get(tag);
  if (digest === undefined) throw new Error(`${tag} was not pushed`);
  return digest;
};

const deleted =
  (digests: ReadonlyMap<string, string>, tag: string): Act =>
  (site) =>
    site.happen((world, repository) => world.deleteImage(repository, needed(digests, tag)));

const inTurn =
  (...acts: readonly Act[]): Act =>
  async (site) => {
    for (const act of acts) await act(site);
  };

/** An image without a tag. */
const untagged =
  (digests: Map<string, string>): Act =>
  async (site) => {
    digests.set('child', await site.push('child', { untagged: true }));
  };

const reported =
  (digests: ReadonlyMap<string, string>, tag: string, ...vulnerabilities: readonly Vulnerability[]): Act =>
  (site) =>
    site.report(needed(digests, tag), ...vulnerabilities);

const TAGGED: readonly Row[] = [
  withImages((all) => [pushed(all, 'v1', CRITICAL), deleted(all, 'v1'), pushed(all, 'v1')], {
    name: 'the image is deleted: opens; the same digest is pushed again without a scan: closes again',
    wanted: [CLOSED, OPENED, AGAIN],
  }),
  withImages(
    (all) => [inTurn(pushed(all, 'v1', CRITICAL), pushed(all, 'v2', HIGH)), deleted(all, 'v1'), deleted(all, 'v2')],
    {
      name: 'two images keep it closed: one is deleted, then the other',
      wanted: [CLOSED, STAYS, OPENED],
      images: [
        { v1: 'refused', v2: 'refused' },
        { v1: 'refused', v2: 'refused' },
        { v1: 'refused', v2: 'refused' },
      ],
    },
  ),
  withImages((all) => [inTurn(pushed(all, 'bad', CRITICAL), pushed(all, 'good', MEDIUM))], {
    name: 'a violating image, and a newer one that is the fix',
    wanted: [`${CLOSED}, notified "fix blocked"`],
    imageGates: { 0: CLOSED },
    images: [{ bad: 'refused', good: 'pulled' }],
  }),
  withImages(
    (all) => [
      pushed(all, 'latest', CRITICAL),
      async (site) => void (await site.push('latest', { content: `${site.repository}: fixed` })),
      (site) => site.happen((world, repository) => world.tag(repository, 'latest', needed(all, 'latest'))),
    ],
    {
      name: 'its tag moves to a clean image and back: opens, and closes again',
      wanted: [CLOSED, OPENED, AGAIN],
      imageGates: { 1: STAYS, 2: STAYS },
      images: [{ latest: 'refused' }, { latest: 'pulled' }, { latest: 'refused' }],
    },
  ),
  withImages(
    (all) => [
      inTurn(untagged(all), reported(all, 'child', CRITICAL)),
      (site) => site.happen((world, repository) => world.tag(repository, 'v1', needed(all, 'child'))),
    ],
    { name: 'an untagged image: not a blocker until it is tagged', wanted: [OPEN, CLOSED] },
  ),
  withImages(
    (all) => [
      inTurn(
        untagged(all),
        async (site) => void (await site.pushIndex('v1', needed(all, 'child'))),
        reported(all, 'child', CRITICAL),
      ),
      (site) => site.happen((world, repository) => world.untag(repository, 'v1')),
    ],
    {
      name: 'a child of a tagged index: closes; the index loses its tag: opens',
      wanted: [CLOSED, OPENED],
      imageGates: { 1: STAYS },
    },
  ),
  withImages(
    (all) => [
      inTurn(
        untagged(all),
        async (site) => {
          const inner = await site.pushIndex(undefined, needed(all, 'child'));
          await site.pushIndex('v1', inner);
        },
        reported(all, 'child', CRITICAL),
      ),
    ],
    { name: 'a child of an index in a tagged index: closes', wanted: [CLOSED] },
  ),
  withImages(
    (all) => [
      inTurn(untagged(all), reported(all, 'child', CRITICAL)),
      async (site) => void (await site.pushIndex('v1', needed(all, 'child'))),
    ],
    { name: 'an untagged image becomes the child of a tagged index: closes', wanted: [OPEN, CLOSED] },
  ),
  withImages(
    (all) => [
      inTurn(pushed(all, 'v1', CRITICAL), (site) =>
        site.happen(async (world, repository) => {
          for (let number = 0; number < 5; number++)
            await world.pushSignature(repository, { subject: needed(all, 'v1'), content: `signature ${number}` });
        }),
      ),
      deleted(all, 'v1'),
    ],
    { name: 'its signatures are no blockers', wanted: [CLOSED, OPENED] },
  ),
  withImages(
    (all) => [
      pushed(all, 'v1', CRITICAL),
      (site) => site.happen((world, repository) => world.deleteRepository(repository)),
    ],
    { name: 'the repository is deleted while it is closed: counts as open', wanted: [CLOSED, OPENED] },
  ),
];

const FINDINGS: readonly Row[] = [
  withImages(
    (all) => [
      pushed(all, 'v1', CRITICAL),
      (site) => site.happen((world, repository) => world.forget(repository, needed(all, 'v1'))),
    ],
    { name: 'the finding disappears without proof: stays closed', wanted: [CLOSED, 'allow, closed'] },
  ),
  withImages(
    (all) => [
      pushed(all, 'v1', CRITICAL),
      inTurn(
        (site) => site.happen((world, repository) => world.forget(repository, needed(all, 'v1'))),
        reported(all, 'v1', UNKNOWN),
      ),
    ],
    {
      name: 'the finding disappears and one without a severity appears: stays closed',
      wanted: [CLOSED, 'undetermined, closed'],
    },
  ),
  withImages((all) => [pushed(all, 'v1', CRITICAL), reported(all, 'v1', CRITICAL)], {
    name: 'the finding is reported again: no change',
    wanted: [CLOSED, STAYS],
  }),
  withImages(
    (all) => [pushed(all, 'v1', HIGH), reported(all, 'v1', { ...HIGH, suppressed: true }), reported(all, 'v1', HIGH)],
    {
      name: 'closed, then suppressed, then not: opens, and closes again',
      wanted: [CLOSED, 'allow, open, notified "opened"', AGAIN],
    },
  ),
  withImages((all) => [pushed(all, 'v1', { ...HIGH, suppressed: true }), reported(all, 'v1', HIGH)], {
    name: 'suppressed, then active: closes',
    wanted: ['allow, open', CLOSED],
  }),
  withImages(
    (all) => [pushed(all, 'v1', CRITICAL), (site) => site.happen((world, repository) => world.removeLock(repository))],
    {
      name: 'its lock is removed from outside: closed again',
      wanted: [CLOSED, AGAIN],
    },
  ),
  withImages((all) => [pushed(all, 'v1', MEDIUM), reported(all, 'v1', { ...MEDIUM, severity: 'critical' })], {
    name: 'the severity is raised: closes',
    wanted: [OPEN, CLOSED],
  }),
];

/** With the default policy. */
export const IMAGE_ROWS: readonly Row[] = [...TAGGED, ...FINDINGS];

/** With `images: all`. */
export const UNTAGGED_ROWS: readonly Row[] = [
  withImages((all) => [inTurn(untagged(all), reported(all, 'child', CRITICAL))], {
    name: 'an untagged image: closes',
    wanted: [CLOSED],
  }),
  withImages(
    (all) => [
      pushed(all, 'latest', CRITICAL),
      async (site) => void (await site.push('latest', { content: `${site.repository}: fixed` })),
    ],
    {
      name: 'its tag moves to a clean image: stays closed',
      wanted: [CLOSED, STAYS],
      images: [{ latest: 'refused' }, { latest: 'pulled' }],
    },
  ),
];
