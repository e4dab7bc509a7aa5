// Rows about exceptions: what they match, for how long, and which of several applies.
import { START } from '../../local/clock.ts';
import { imageOf } from '../../local/manifest.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import { type Act, found, type Group, NOTHING, type Row } from './row.ts';
import { HIGH, UNKNOWN } from './vulnerabilities.ts';
import type { Vulnerability } from './world.ts';

const CLOSED = 'block, closed, notified "closed"';
const AGAIN = 'block, closed, notified "closed again"';
const EXEMPTED = 'allow, open';
const LATER = '2026-12-31';

interface Excepted {
  readonly row: Row;
  readonly exceptions: readonly Readonly<Record<string, unknown>>[];
}

let rows = 0;

/**
 * A row whose vulnerability has a unique id, so that its exceptions match nothing else. They get that id by default.
 */
function excepted(
  name: string,
  exceptions: readonly Readonly<Record<string, unknown>>[],
  wanted: string | readonly string[],
  changes: Partial<Vulnerability> = {},
  later: readonly Act[] = [],
): Excepted {
  rows += 1;
  const id = `CVE-2026-5${String(rows).padStart(3, '0')}`;
  const repository = `team/excepted-${rows}`;
  const link = `https://example.com/${id}`;
  return {
    row: {
      name,
      repository,
      acts: [found({ ...HIGH, id, link, aliases: [`GHSA-other-${rows}`, `GHSA-alias-${rows}`], ...changes }), ...later],
      wanted: typeof wanted === 'string' ? [wanted] : wanted,
    },
    exceptions: exceptions.map(({ of, ...exception }) => ({
      id: typeof of === 'string' ? of.replaceAll('ID', id).replaceAll('N', String(rows)) : id,
      expires: LATER,
      reason: name,
      ...Object.fromEntries(
        Object.entries(exception).map(([key, value]) => [key, value === 'OWN' ? repository : value]),
      ),
      ...(exception['digest'] === 'OWN' ? { digest: imageOf(`${repository}:v1`).manifest.digest } : {}),
    })),
  };
}

/** This many hours after the rows begin. Their first tick is after two hours. */
function hoursLater(hours: number): string {
  return new Date(START.getTime() + hours * HOUR_MILLISECONDS).toISOString().replace('.000', '');
}

const OTHER_DIGEST = `sha256:${'0'.repeat(64)}`;

const MATCHES: readonly Excepted[] = [
  excepted('by the id of the vulnerability', [{}], EXEMPTED),
  excepted('by the id in lower case', [{ of: 'cve-2026-5002' }], EXEMPTED),
  excepted('by another id', [{ of: 'ID0' }], CLOSED),
  excepted('by a part of the id', [{ of: 'CVE-2026-500' }], CLOSED),
  excepted('by alias', [{ of: 'GHSA-alias-N' }], EXEMPTED),
  excepted('by alias in upper case', [{ of: 'GHSA-ALIAS-N' }], EXEMPTED),
  excepted('by its repository', [{ repository: 'OWN' }], EXEMPTED),
  excepted('by a glob for its repository', [{ repository: 'team/*' }], EXEMPTED),
  excepted('by another repository', [{ repository: 'other/*' }], CLOSED),
  excepted('by its digest', [{ digest: 'OWN' }], EXEMPTED),
  excepted('by another digest', [{ digest: OTHER_DIGEST }], CLOSED),
  excepted('by its package', [{ package: 'openssl' }], EXEMPTED),
  excepted('by another package', [{ package: 'libssl' }], CLOSED),
  excepted(
    'by repository, digest and package together',
    [{ repository: 'team/*', digest: 'OWN', package: 'openssl' }],
    EXEMPTED,
  ),
  excepted('by all but the package', [{ repository: 'team/*', digest: 'OWN', package: 'libssl' }], CLOSED),
  excepted('expired: no effect, and every decision names it', [{ expires: '2026-03-01' }], CLOSED),
  excepted('it ends while the finding is reported', [{ expires: hoursLater(3) }], [EXEMPTED, CLOSED], {}, [NOTHING]),
  excepted('until fixed, and there is no fix', [{ untilFixed: true }], EXEMPTED, { fix: 'none' }),
  excepted('until fixed, and it is unknown whether a fix exists', [{ untilFixed: true }], EXEMPTED, { fix: 'unknown' }),
  excepted('until fixed, and there is a fix', [{ untilFixed: true }], CLOSED),
  excepted('a known exploit', [{}], EXEMPTED, { exploited: true }),
  excepted('for an undetermined finding', [{}], EXEMPTED, { severity: 'unknown' }),
  excepted('for a suppressed finding', [{}], EXEMPTED, { suppressed: true }),
  excepted('for a finding below the threshold', [{}], 'nothing to say', { severity: 'low' }),
  excepted('two, one expired', [{ expires: '2026-03-01', reason: 'expired' }, { reason: 'live' }], EXEMPTED),
  excepted('two unexpired ones: the one that lasts longer applies', [{ expires: '2026-06-30' }, {}], EXEMPTED),
  excepted('one by alias that lasts longer', [{ expires: '2026-06-30' }, { of: 'GHSA-alias-N' }], EXEMPTED),
];

/** Until fixed, and a fix appears: the finding is reported again. */
const FIX_APPEARS = excepted(
  'until fixed, and then a fix appears',
  [{ untilFixed: true }],
  [EXEMPTED, CLOSED],
  { fix: 'none' },
  [
    async (site) => {
      const id = FIX_APPEARS.exceptions[0]?.['id'];
      const link = `https://example.com/${id}`;
      await site.report(imageOf(`${site.repository}:v1`).manifest.digest, { ...HIGH, id: String(id), link });
    },
  ],
);

const ALL = [...MATCHES, FIX_APPEARS];

export const EXCEPTIONS: readonly Group[] = [
  {
    name: 'exceptions',
    configs: [{ policy: { exceptions: ALL.flatMap(({ exceptions }) => exceptions) } }],
    rows: ALL.map(({ row }) => row),
  },
  {
    name: 'a policy that changes',
    configs: [
      {},
      {
        policy: {
          exceptions: ['team/added', 'team/forgotten', 'team/undetermined'].map((repository) => ({
            id: HIGH.id,
            repository,
            expires: LATER,
            reason: 'reviewed',
            approvedBy: 'security@example.com',
          })),
        },
      },
      { severityThreshold: 'critical' },
      {},
    ],
    rows: [
      {
        name: 'an exception is added: opens; it is removed and the threshold is raised; the threshold is lowered: closes',
        repository: 'team/added',
        acts: [found(HIGH), NOTHING, NOTHING, NOTHING],
        wanted: [CLOSED, 'nothing to say, notified "opened"', 'nothing to say', AGAIN],
      },
      {
        name: 'an exception is added for a finding that disappeared: opens, based on the recorded finding',
        repository: 'team/forgotten',
        acts: [
          async (site) => {
            const digest = await site.push('v1');
            await site.report(digest, HIGH);
            await site.happen((world, repository) => world.forget(repository, digest));
          },
          NOTHING,
        ],
        wanted: ['allow, closed, notified "closed"', 'nothing to say, notified "opened"'],
      },
      {
        name: 'an exception is added, and another finding has no severity: stays closed',
        repository: 'team/undetermined',
        acts: [found(HIGH, UNKNOWN), NOTHING],
        wanted: [CLOSED, 'undetermined, closed'],
      },
      {
        name: 'the threshold is raised: opens; lowered again: closes',
        acts: [found(HIGH), NOTHING, NOTHING, NOTHING],
        wanted: [CLOSED, 'block, closed', 'nothing to say, notified "opened"', AGAIN],
      },
    ],
  },
];
