// Rows about what keeps a gate from closing: audit mode, a pause, and the brake.
import { found, type Group, NOTHING } from './row.ts';
import { CRITICAL } from './vulnerabilities.ts';

const CLOSED = 'block, closed, notified "closed"';
const AGAIN = 'block, closed, notified "closed again"';
const EXCLUDING = { repositories: { exclude: ['rows/row-1'] } };

export const MODES: readonly Group[] = [
  {
    name: 'repositories: excluded, then included',
    configs: [{ aws: EXCLUDING, azure: EXCLUDING }, {}],
    rows: [
      {
        name: 'the excluded one closes once it is included',
        acts: [found(CRITICAL), NOTHING],
        wanted: ['nothing to say', CLOSED],
      },
      {
        name: 'the other one closes',
        acts: [found(CRITICAL), NOTHING, NOTHING],
        wanted: [CLOSED, 'block, closed', 'block, closed'],
      },
    ],
  },
  {
    name: 'mode: enforce, then audit, then enforce, with a pause',
    configs: [{}, { mode: 'audit' }, {}],
    rows: [
      {
        name: 'closed before: opens in audit mode, and closes afterwards',
        acts: [found(CRITICAL), NOTHING, NOTHING],
        wanted: [CLOSED, 'block, waiting: audit, notified "opened"', AGAIN],
      },
      {
        name: 'found in audit mode: closes afterwards',
        acts: [NOTHING, found(CRITICAL), NOTHING],
        wanted: ['nothing to say', 'block, waiting: audit, notified "NOT closed"', CLOSED],
      },
      {
        name: 'closed before: opens in the pause, and closes afterwards',
        acts: [
          NOTHING,
          NOTHING,
          found(CRITICAL),
          (site) => site.happen((world) => world.setPause(true)),
          (site) => site.happen((world) => world.setPause(false)),
        ],
        wanted: ['nothing to say', 'nothing to say', CLOSED, 'block, waiting: pause, notified "opened"', AGAIN],
      },
    ],
  },
  {
    name: 'maxClosesPerHour: 1',
    configs: [{ maxClosesPerHour: 1, brakeExempt: 'exploited', policy: { exploited: 'critical' } }],
    rows: [
      { name: 'the first gate closes', acts: [found(CRITICAL)], wanted: [CLOSED] },
      {
        name: 'the second gate waits, and closes in the next hour',
        acts: [found(CRITICAL)],
        wanted: ['block, closed, notified "NOT closed", notified "closed"'],
      },
      {
        name: 'a known exploit closes without the brake if the config exempts it',
        acts: [found({ ...CRITICAL, exploited: true })],
        wanted: [CLOSED],
      },
      {
        name: 'a waiting gate is cleared if its image is deleted',
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
