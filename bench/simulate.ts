// The memory that `pullgate simulate` takes for a number of findings: runs the real command, fed through a pipe, so
// that no two-gigabyte file is needed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { count, type Part, ratio, type Scale, type Table } from './part.ts';

const COMMAND = join(import.meta.dirname, '../cli/pullgate.ts');
/** Makes the process print its peak memory at its end, in bytes. */
const PEAK = `data:text/javascript,${encodeURIComponent(
  `import { peakMemoryBytes } from ${JSON.stringify(new URL('../local/peak-memory.ts', import.meta.url))};
  process.on('exit', () => process.stderr.write('peak ' + peakMemoryBytes()));`,
)}`;
const FINDINGS_PER_IMAGE = 200;
const IMAGES_PER_REPOSITORY = 10;
const ACCOUNT = '123456789012';

/** How similar the findings are. */
export type Kind =
  /** Images share a few thousand findings, like images with a common base. */
  | 'shared'
  /** No two findings are the same: the worst case, which no real account has. */
  | 'distinct';

/**
 * The text that `aws inspector2 list-findings` would print, in chunks. Every finding violates a policy with the
 * threshold low.
 */
export function* inspectorReport(findings: number, kind: Kind): Generator<string> {
  yield '{"findings": [\n';
  for (let index = 0; index < findings; index++) {
    yield `${index === 0 ? '' : ',\n'}${JSON.stringify(finding(index, kind === 'shared' ? index % 4_000 : index))}`;
  }
  yield '\n]}\n';
}

const FOUND_AT = '2026-09-04T16:55:38.411000+00:00';

function finding(index: number, number: number) {
  const image = Math.floor(index / FINDINGS_PER_IMAGE);
  const vulnerability = `CVE-2026-${10_000 + number}`;
  return {
    awsAccountId: ACCOUNT,
    description: `A flaw in the way that the package reads its input lets a remote attacker end it. ${'It was found. '.repeat(20)}`,
    exploitAvailable: 'NO',
    findingArn: `arn:aws:inspector2:eu-west-1:${ACCOUNT}:finding/${String(index).padStart(32, '0')}`,
    firstObservedAt: FOUND_AT,
    fixAvailable: 'YES',
    lastObservedAt: FOUND_AT,
    packageVulnerabilityDetails: detailsOf(vulnerability, number),
    resources: [imageResource(image)],
    severity: ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'][number % 4],
    status: 'ACTIVE',
    title: `${vulnerability} - lib${number}`,
    type: 'PACKAGE_VULNERABILITY',
    updatedAt: FOUND_AT,
  };
}

function detailsOf(vulnerability: string, number: number) {
  return {
    cvss: [
      {
        baseScore: 7.5,
        scoringVector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H',
        source: 'NVD',
        version: '3.1',
      },
    ],
    referenceUrls: [`https://www.cve.org/CVERecord?id=${vulnerability}`],
    relatedVulnerabilities: [`USN-${number}-1`],
    source: 'UBUNTU_CVE',
    sourceUrl: `https://people.canonical.com/~ubuntu-security/cve/2026/${vulnerability}.html`,
    vendorCreatedAt: '2026-09-03T00:00:00+00:00',
    vulnerabilityId: vulnerability,
    vulnerablePackages: [
      {
        arch: 'ARM64',
        epoch: 0,
        fixedInVersion: `0:3.0.${number}-0ubuntu3.4`,
        name: `lib${number}`,
        packageManager: 'OS',
        release: '0ubuntu3.2',
        version: `3.0.${number}`,
      },
    ],
  };
}

function imageResource(image: number) {
  const digest = `sha256:${String(image).padStart(64, '0')}`;
  const repositoryName = `team/app-${Math.floor(image / IMAGES_PER_REPOSITORY)}`;
  return {
    details: {
      awsEcrContainerImage: {
        architecture: 'arm64',
        imageHash: digest,
        imageTags: [`v${image}`],
        platform: 'UBUNTU_24_04',
        pushedAt: FOUND_AT,
        registry: ACCOUNT,
        repositoryName,
      },
    },
    id: `arn:aws:ecr:eu-west-1:${ACCOUNT}:repository/${repositoryName}/${digest}`,
    partition: 'aws',
    region: 'eu-west-1',
    type: 'AWS_ECR_CONTAINER_IMAGE',
  };
}

interface Ran {
  readonly megabytesRead: number;
  readonly peakMegabytes: number;
}

/** @throws Error if the command did not find every gate */
async function run(findings: number, kind: Kind, folder: string): Promise<Ran> {
  const policy = join(folder, 'policy.json');
  const page = join(folder, 'page.html');
  writeFileSync(policy, '{"severityThreshold": "low"}');
  const args = ['--import', PEAK, COMMAND, 'simulate', '-', '--policy', policy, '--json', '--html', page];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const read = { bytes: 0 };
  let errors = '';
  let head = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (head.length < 2_000) head += text;
  });
  const ended = once(child, 'close');
  await pipeline(Readable.from(measured(pieces(findings, kind), read)), child.stdin);
  const [code] = await ended;
  const gates = Math.ceil(findings / FINDINGS_PER_IMAGE / IMAGES_PER_REPOSITORY);
  const peak = /peak (\d+)/.exec(errors)?.[1];
  if (code !== 1 || peak === undefined || !head.includes(`"closes": ${gates},`)) {
    throw new Error(`expected ${gates} closed gates and the exit code 1; got the exit code ${code}: ${head}${errors}`);
  }
  return { megabytesRead: read.bytes / 1e6, peakMegabytes: Number(peak) / 1e6 };
}

/** Passes the chunks on, and adds up their sizes in `read`. */
function* measured(chunks: Iterable<Buffer>, read: { bytes: number }): Generator<Buffer> {
  for (const chunk of chunks) {
    read.bytes += chunk.length;
    yield chunk;
  }
}

const PIECE_CHARACTERS = 256 * 1024;

function* pieces(findings: number, kind: Kind): Generator<Buffer> {
  let text = '';
  for (const part of inspectorReport(findings, kind)) {
    text += part;
    if (text.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text);
}

const SIZES: Readonly<Record<Scale, readonly (readonly [number, Kind])[]>> = {
  full: [
    [10_000, 'shared'],
    [100_000, 'shared'],
    [1_000_000, 'shared'],
    [1_000_000, 'distinct'],
  ],
  tiny: [[1_000, 'shared']],
};

export const simulate: Part = {
  title: 'Simulation of large reports',
  async measure(scale) {
    const folder = mkdtempSync(join(tmpdir(), 'pullgate-bench-'));
    const rows: string[][] = [];
    try {
      for (const [findings, kind] of SIZES[scale]) {
        const { megabytesRead, peakMegabytes } = await run(findings, kind, folder);
        rows.push([
          `${count(findings)}, ${kind}`,
          count(megabytesRead),
          count(peakMegabytes),
          ratio(peakMegabytes, 1_000),
        ]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
    const head = ['findings', 'MB read', 'peak memory, MB', 'of 1 GB'];
    const table: Table = { title: 'pullgate simulate - --json --html: every finding violates', head, rows };
    return [table];
  },
};
