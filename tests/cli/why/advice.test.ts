// Tests the advice of `pullgate why`, depending on the policy and the override, with observations and records in this
// process.
import { describe, expect, it } from 'vitest';
import type { Client } from '../../../cli/stack/client.ts';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { whyLines } from '../../../cli/why/text.ts';
import { explainImage } from '../../../cli/why/why.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { RecordedOverride } from '../../../shared/gate/override.ts';
import { type GateState, newRecord } from '../../../shared/gate/record.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';
import {
  anOverride,
  digest,
  finding,
  GATE,
  hoursLater,
  NOW,
  policy,
  present,
  ruleSettings,
} from '../../shared/samples.ts';

const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const NAME = parseImageName(`${HOST}/team/app:1`);

interface World {
  readonly images?: Policy['images'];
  readonly findings?: readonly Finding[];
  readonly order?: RecordedOverride;
  readonly gate?: Gate;
  readonly state?: GateState;
}

/** The advice for a closed gate, as data and as lines. */
async function next({ images = 'tagged', findings = [], order, gate = GATE, state = { kind: 'closed' } }: World) {
  const client = {
    cloud: 'aws',
    settings: ruleSettings({ policy: policy({ images }) }),
    pause: { load: async () => ({ value: undefined, version: 0 }) },
    records: {
      load: async () => ({
        value: { ...newRecord(gate, NOW), state, override: order },
        version: 1,
      }),
    },
    find: async () => ({
      kind: 'found',
      ...GATE,
      digest: digest(1),
      tags: ['1'],
      tag: '1',
      children: [],
      gates: [gate],
    }),
    obstacles: async () => [{ by: 'pullgate', for: 'everyone', what: 'a statement', since: NOW }],
    observe: async () => ({
      images: [present({ tags: ['1'], findings })],
    }),
    scans: async () => new Map(),
  } as unknown as Client;
  const answer = await explainImage({
    name: NAME,
    stack: 'dev',
    label: 'the stack dev',
    clients: [client],
    now: () => NOW,
  });
  const lines = whyLines(answer, NOW);
  const begin = lines.indexOf('What to do next:');
  return { advice: answer.advice, all: lines, lines: begin === -1 ? [] : lines.slice(begin + 1) };
}

describe('if findings keep a repository closed', () => {
  it('a fix under the same tag is enough if the policy evaluates only tagged images', async () => {
    const { advice, lines } = await next({ findings: [finding()] });
    expect(advice).toMatchObject({ untaggedHold: false, clear: [], exceptionsOpen: true });
    expect(lines[0]).toBe(
      '  1. Upgrade to fixed versions, and push the fixed images under the same tags, or delete the images above:',
    );
  });

  it('the old images must also be deleted if the policy evaluates all images', async () => {
    const { advice, lines } = await next({ findings: [finding()], images: 'all' });
    expect(advice.untaggedHold).toBe(true);
    expect(lines[0]).toBe(
      '  1. Upgrade to fixed versions, and push the fixed images. Then delete the images above, because the policy (images: all) also evaluates untagged images:',
    );
    const ofImage = await next({ findings: [finding()], images: 'all', gate: { ...GATE, digest: digest(1) } });
    expect(ofImage.advice.untaggedHold).toBe(false);
    expect(ofImage.lines[0]).toBe(
      '  1. Upgrade to fixed versions, and push the fixed image and deploy it: only the image above is blocked:',
    );
  });

  it('the exceptions are lines of YAML with placeholders', async () => {
    const { lines } = await next({ findings: [finding({ package: { name: 'a\u009b2J', version: '1' } })] });
    expect(lines.slice(-3)).toEqual([
      '  2. Or, after a review, add this to pullgate:policy.exceptions, fill in the reason and the approver, and run `pulumi up`:',
      '       - {"id":"CVE-2024-6119","repository":"team/app","package":"a\\u009b2J","expires":"2026-07-15","reason":"TO DO: say why it does not affect this image","approvedBy":"TO DO: say who approved it"}',
      `  If it cannot wait, run \`pullgate override open ${HOST}/team/app:1 --for 4h --reason TEXT --approved-by NAME\`, which keeps it open for at most 24 hours.`,
    ]);
  });
});

describe('if the record does not say why it is closed', () => {
  it('the answer says so, and what opens it', async () => {
    expect((await next({ state: { kind: 'unexplained' } })).all).toContain(
      '  The repository team/app is closed, and its record does not say why. It opens once each of its images has a newer scan without a violation, or by `pullgate override open`.',
    );
  });
});

describe('while an override keeps it closed', () => {
  const order = anOverride({ kind: 'closed' });
  const ENDS = [
    '  An override keeps it closed until 2026-06-15 15:00 UTC, approved by Grace. No fix or exception opens it earlier. To end the override now:',
    `       pullgate override clear ${HOST}/team/app@${digest(1)}`,
  ];

  it('the advice names the approver and the command that ends it, even without findings', async () => {
    const { advice, lines } = await next({ order });
    expect([lines, advice.clear]).toEqual([ENDS, [`${HOST}/team/app@${digest(1)}`]]);
  });

  it('the override comes first if there are also blockers, and an exception alone does not open the gate', async () => {
    const { advice, lines } = await next({ order, findings: [finding()] });
    expect(lines.slice(0, 2)).toEqual(ENDS);
    expect(advice.exceptionsOpen).toBe(false);
    expect(lines.at(-2)).toMatch(/^ {2}2[.] .+ \(this alone does not open it; see above\):$/);
  });

  it('an override that has ended or keeps the gate open is not mentioned', async () => {
    for (const one of [anOverride({ kind: 'closed', until: hoursLater(-0.5) }), anOverride({ kind: 'open' })]) {
      expect(await next({ order: one })).toMatchObject({ advice: { clear: [] }, lines: [] });
    }
  });
});

describe('if findings have no details but the severity of their report', () => {
  const bare = (vulnerability: string, name = 'openssl') =>
    finding({
      vulnerability,
      severity: 'none given',
      reportSeverity: 'critical',
      package: { name, version: '3.0.13', fixedVersion: '3.0.14' },
    });
  const line = (id: string, name: string) =>
    `       - {"id":"${id}","repository":"team/app","package":"${name}","expires":"2026-07-15","reason":"TO DO: say why it does not affect this image","approvedBy":"TO DO: say who approved it"}`;

  it('one exception covers all advisories of a package, and the config accepts it', async () => {
    const { advice, lines } = await next({ findings: [bare('CVE-2026-1'), bare('CVE-2026-2'), bare('CVE-2026-3')] });
    expect(lines).toContain(line('*', 'openssl'));
    expect(lines.filter((one) => one.startsWith('       - '))).toHaveLength(1);
    expect(lines).toContain('       The id * exempts every finding of its package, also those with details.');
    expect(advice.exceptionsOpen).toBe(true);
    expect(parsePolicy('high', { exceptions: advice.exceptions }, NOW).ok).toBe(true);
  });

  it('each package has its own, and a single advisory is named', async () => {
    const { lines } = await next({ findings: [bare('CVE-2026-1'), bare('CVE-2026-2'), bare('CVE-2026-3', 'zlib')] });
    const exceptions = lines.filter((one) => one.startsWith('       - '));
    expect(exceptions).toEqual([line('*', 'openssl'), line('CVE-2026-3', 'zlib')]);
  });

  it('nothing is said about a package that needs no exception of its own', async () => {
    const { lines } = await next({ findings: [bare('CVE-2026-1')] });
    expect(lines.filter((one) => one.includes('id *'))).toEqual([]);
  });
});
