// Rows about violations: thresholds, fixes, unknown severities, exploits and grace periods.
import { found, type Group, NOTHING, verdict } from './row.ts';
import { IMAGE_ROWS, UNTAGGED_ROWS } from './rows-images.ts';
import { CRITICAL, daysAgo, HIGH, LOW, MEDIUM, UNKNOWN } from './vulnerabilities.ts';

const CLOSED = 'block, closed, notified "closed"';
const EXEMPTED = 'allow, open';
/** The outcome of a plainly allowed image. */
const OPEN = 'nothing to say';
const UNDETERMINED = 'undetermined, open';

const inPackage = (name: string) => ({ package: { name, version: '1.2' } });

export const VERDICTS: readonly Group[] = [
  {
    name: 'severityThreshold: high',
    configs: [{}],
    rows: [
      ...IMAGE_ROWS,
      verdict('no finding at all', [], OPEN),
      verdict('a critical finding with a fix', [CRITICAL], CLOSED),
      verdict('severity equals the threshold', [HIGH], CLOSED),
      verdict('severity below the threshold', [MEDIUM], OPEN),
      verdict('several findings that violate, and one that does not', [HIGH, MEDIUM, CRITICAL], CLOSED),
      verdict('no fix, and `unfixable` not set', [{ ...HIGH, fix: 'none' }], CLOSED),
      verdict('unknown whether a fix exists', [{ ...HIGH, fix: 'unknown' }], CLOSED),
      verdict('severity not known, base score 9.8', [{ ...UNKNOWN, score: 9.8 }], CLOSED),
      verdict('severity not known, a score below the threshold', [{ ...UNKNOWN, score: 6.9 }], OPEN),
      verdict('severity not known, no score', [UNKNOWN], UNDETERMINED),
      verdict('severity not known, no score, together with one that violates', [UNKNOWN, HIGH], CLOSED),
      verdict('a severity label that is not on the scale', [{ ...HIGH, severity: 'CATASTROPHIC' }], UNDETERMINED),
      verdict(
        'a severity label that is not on the scale, base score 9.1',
        [{ ...HIGH, severity: 'CATASTROPHIC', score: 9.1 }],
        CLOSED,
      ),
      verdict('a known exploit below the threshold, exploited: never', [{ ...MEDIUM, exploited: true }], OPEN),
      verdict('suppressed', [{ ...HIGH, suppressed: true }], EXEMPTED),
      verdict('suppressed and below the threshold', [{ ...LOW, suppressed: true }], OPEN),
      verdict('suppressed, severity not known, no score', [{ ...UNKNOWN, suppressed: true }], EXEMPTED),
      verdict(
        'suppressed in one package, active in another',
        [
          { ...HIGH, ...inPackage('zlib'), id: 'CVE-2026-2001', suppressed: true },
          { ...HIGH, ...inPackage('curl') },
        ],
        CLOSED,
      ),
      verdict('one advisory in two packages', [HIGH, { ...HIGH, ...inPackage('zlib') }], CLOSED),
      verdict(
        'a dozen packages of one image',
        Array.from({ length: 12 }, (_, number) => ({
          ...(number % 2 === 0 ? CRITICAL : HIGH),
          ...inPackage(`package-${number}`),
          id: `CVE-2026-${3000 + number}`,
        })),
        CLOSED,
      ),
    ],
  },
  {
    name: 'severityThreshold: critical, unfixable: medium, unknownSeverity: block',
    configs: [{ severityThreshold: 'critical', policy: { unfixable: 'medium', unknownSeverity: 'block' } }],
    rows: [
      verdict('with a fix, below the threshold', [HIGH], OPEN),
      verdict('with a fix, at the threshold', [CRITICAL], CLOSED),
      verdict('without a fix, above the threshold `unfixable`', [{ ...HIGH, fix: 'none' }], CLOSED),
      verdict('without a fix, at the threshold `unfixable`', [{ ...MEDIUM, fix: 'none' }], CLOSED),
      verdict('without a fix, below the threshold `unfixable`', [{ ...LOW, fix: 'none' }], OPEN),
      verdict('severity not known, a low score', [{ ...UNKNOWN, score: 1 }], CLOSED),
      verdict('severity not known, no score', [UNKNOWN], CLOSED),
      verdict('a severity label that is not on the scale', [{ ...LOW, severity: 'CATASTROPHIC' }], CLOSED),
    ],
  },
  {
    name: 'severityThreshold: low, unfixable: critical, unknownSeverity: ignore, images: all',
    configs: [
      { severityThreshold: 'low', policy: { unfixable: 'critical', unknownSeverity: 'ignore', images: 'all' } },
    ],
    rows: [
      ...UNTAGGED_ROWS,
      verdict('with a fix, the lowest severity that violates', [LOW], CLOSED),
      verdict('without a fix, below the threshold `unfixable`', [{ ...HIGH, fix: 'none' }], OPEN),
      verdict('without a fix, at the threshold `unfixable`', [{ ...CRITICAL, fix: 'none' }], CLOSED),
      verdict('severity not known, a high score', [{ ...UNKNOWN, score: 9.8 }], EXEMPTED),
      verdict('a severity label that is not on the scale', [{ ...HIGH, severity: 'CATASTROPHIC' }], EXEMPTED),
      verdict(
        'a fix for one of two packages, told apart: each by its own threshold',
        [HIGH, { ...HIGH, ...inPackage('zlib'), fix: 'none' }],
        CLOSED,
      ),
    ],
  },
  {
    name: 'exploited: medium, epss: 0.5',
    configs: [{ policy: { exploited: 'medium', epss: 0.5 } }],
    rows: [
      verdict('an EPSS score at the limit', [{ ...MEDIUM, epss: 0.5 }], CLOSED),
      verdict('an EPSS score below the limit', [{ ...MEDIUM, epss: 0.49 }], OPEN),
      verdict('a high EPSS score below the threshold `exploited`', [{ ...LOW, epss: 0.97 }], OPEN),
      verdict('no EPSS score', [MEDIUM], OPEN),
    ],
  },
  {
    name: 'unfixable: never, exploited: medium, graceDays: {high: 7}',
    configs: [{ policy: { unfixable: 'never', exploited: 'medium', graceDays: { high: 7 } } }],
    rows: [
      verdict('without a fix', [{ ...CRITICAL, fix: 'none' }], OPEN),
      verdict('a known exploit at the threshold `exploited`', [{ ...MEDIUM, exploited: true }], CLOSED),
      verdict('a known exploit below the threshold `exploited`', [{ ...LOW, exploited: true }], OPEN),
      verdict('a known exploit without a fix', [{ ...CRITICAL, exploited: true, fix: 'none' }], CLOSED),
      verdict('a known exploit with a derived severity', [{ ...UNKNOWN, exploited: true, score: 5 }], CLOSED),
      verdict('a known exploit without a severity', [{ ...UNKNOWN, exploited: true }], UNDETERMINED),
      verdict('disclosed 3 days ago, 7 days of grace', [{ ...HIGH, disclosedAt: daysAgo(3) }], EXEMPTED),
      verdict('disclosed 8 days ago, 7 days of grace', [{ ...HIGH, disclosedAt: daysAgo(8) }], CLOSED),
      verdict('no disclosure date', [HIGH], CLOSED),
      verdict('no grace days for this severity', [{ ...CRITICAL, disclosedAt: daysAgo(1) }], CLOSED),
      verdict('a known exploit in its grace period', [{ ...HIGH, disclosedAt: daysAgo(3), exploited: true }], CLOSED),
      verdict(
        'the grace period of a derived severity',
        [{ ...UNKNOWN, score: 7.5, disclosedAt: daysAgo(3) }],
        EXEMPTED,
      ),
      {
        name: 'the grace period ends, and nothing else happens',
        acts: [found({ ...HIGH, disclosedAt: new Date(daysAgo(7).getTime() + 3 * 3_600_000) }), NOTHING],
        wanted: [EXEMPTED, CLOSED],
      },
    ],
  },
];
