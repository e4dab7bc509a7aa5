// Rows about what keeps a gate from closing: audit, a pause, and the brake.
import { found, type Group, NOTHING } from './row.ts';
import { CRITICAL } from './vulnerabilities.ts';

const CLOSED = 'block, closed, notified "closed"';

export const MODES: readonly Group[] = [
  {
    name: 'mode: enforce, then audit, then enforce, with a pause',
    configs: [{}, { mode: 'audit' }, {}],
    rows: [
      {
        name: 'closed before: opens in audit mode, and closes after it',
        acts: [found(CRITICAL), NOTHING, NOTHING],
        wanted: [CLOSED, 'block, waiting: audit, notified "opened"', CLOSED],
      },
      {
        name: 'found in audit mode: closes after it',
        acts: [NOTHING, found(CRITICAL), NOTHING],
        wanted: ['nothing to say', 'block, waiting: audit, notified "NOT closed"', CLOSED],
      },
      {
        name: 'closed before: opens in the pause, and closes after it',
        acts: [
          NOTHING,
          NOTHING,
          found(CRITICAL),
          (site) => site.happen((world) => world.setPause(true)),
          (site) => site.happen((world) => world.setPause(false)),
        ],
        wanted: ['nothing to say', 'nothing to say', CLOSED, 'block, waiting: pause, notified "opened"', CLOSED],
      },
    ],
  },
  {
    name: 'maxClosesPerHour: 1',
    configs: [{ maxClosesPerHour: 1 }],
    rows: [
      { name: 'the first closes', acts: [found(CRITICAL)], wanted: [CLOSED] },
      {
        name: 'the second waits, and has its turn in the next hour',
        acts: [found(CRITICAL)],
        wanted: ['block, closed, notified "NOT closed", notified "closed"'],
      },
      { name: 'a known exploit is not braked', acts: [found({ ...CRITICAL, exploited: true })], wanted: [CLOSED] },
      {
        name: 'one that waits, and whose image is deleted meanwhile, is cleared',
        acts: [
          async (site) => {
            const digest = await site.push('v1');
            await site.report(digest, CRITICAL);
            await site.happen((world, repository) => world.deleteImage(repository, digest));
          },
        ],
        wanted: ['nothing to say, notified "NOT closed", notified "clear"'],
      },
    ],
  },
];
