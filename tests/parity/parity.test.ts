// The policy's cases on both clouds, end to end: the same vulnerability, policy and image state give the same verdict,
// gate, log line and notice.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ONE_CLOUD } from './one-cloud.ts';
import { asOfRepository, imagesOf, inShort, neutralLine, neutralMail, standing, withoutFix } from './outcome.ts';
import { repositoryOf } from './row.ts';
import { EXCEPTIONS } from './rows-exceptions.ts';
import { MODES } from './rows-modes.ts';
import { VERDICTS } from './rows-verdicts.ts';
import { type Ran, run } from './run.ts';

const GROUPS = [...VERDICTS, ...EXCEPTIONS, ...MODES];

describe.each(GROUPS)('$name', (group) => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await run(group);
  }, 300_000);

  test.each(group.rows)('$name', (row) => {
    const outcomes = ran.outcomes.get(row);
    if (outcomes === undefined) throw new Error('the row did not run');
    const { AWS: aws, 'Azure, repositories': repositories, 'Azure, images': images } = outcomes;
    expect(aws.map(inShort)).toEqual(row.wanted);
    expect(repositories).toEqual(aws);
    expect(images).toHaveLength(aws.length);
    for (const [stage, outcome] of images.entries()) {
      const wanted = aws[stage];
      if (wanted === undefined) throw new Error(`stage ${stage} did not run on AWS`);
      const own = asOfRepository(outcome, repositoryOf(group, row));
      const differs = row.imageGates?.[stage];
      if (differs !== undefined) expect(inShort(own)).toBe(differs);
      else if (row.images === undefined) expect(withoutFix(own)).toEqual(withoutFix(wanted));
      // With image gates, the findings of each image are the same, and clean images stay pullable.
      else expect(imagesOf(outcome)).toEqual(imagesOf(wanted));
      if (row.images !== undefined) expect(outcome.pulls).toEqual(row.images[stage]);
    }
  });

  test('nothing failed, was refused or dead-lettered on any cloud', () => {
    expect(ran.troubles).toEqual({ AWS: [], 'Azure, repositories': [], 'Azure, images': [] });
  });
});

describe('rows that one cloud cannot express', () => {
  test('have the expected count, and are not rows of both clouds', () => {
    const count = (cloud: 'AWS' | 'Azure') => ONE_CLOUD.filter(({ only }) => only === cloud).length;
    expect({ AWS: count('AWS'), Azure: count('Azure') }).toEqual({ AWS: 10, Azure: 4 });
    const names = new Set(GROUPS.flatMap(({ rows }) => rows.map(({ name }) => name)));
    expect(ONE_CLOUD.filter(({ row }) => names.has(row))).toEqual([]);
  });

  test.each(ONE_CLOUD)('only $only has "$row": $why', ({ test: [file, name] }) => {
    expect(readFileSync(join(import.meta.dirname, '../..', file), 'utf8')).toContain(name);
  });
});

describe('what is not compared', () => {
  const aws = {
    registry: '123456789012',
    startedAt: new Date('2026-03-02T09:00:00.000Z'),
    now: () => new Date('2026-03-02T11:00:00.000Z'),
  };
  const azure = { ...aws, registry: '/subscriptions/1/registries/acme' };
  const line = {
    kind: 'decision',
    repository: 'team/app',
    verdict: 'block',
    action: 'closed',
    from: 'open',
    to: 'closed',
    message: 'team/app is closed now',
    images: [{ digest: 'sha256:1', outcome: 'holds', reasons: [{ vulnerability: 'CVE-2026-1001' }] }],
  };

  test('of a log line: cloud, registry, durations, change, count of plainly allowed images, and observing trigger', () => {
    const ofAws = {
      ...line,
      cloud: 'aws',
      registry: aws.registry,
      triggers: ['push', 'tick'],
      allowedImages: 0,
      judgedImages: 1,
      durationMilliseconds: 7,
      secondsSinceFinding: 9,
      change: { before: '', after: '{"Version":"2012-10-17"}' },
    };
    const ofAzure = { ...line, cloud: 'azure', registry: azure.registry, triggers: ['sweep'], allowedImages: 3 };
    expect(neutralLine(ofAws, aws)).toEqual({ ...line, triggers: ['an observation'] });
    expect(neutralLine(ofAzure, azure)).toEqual({ ...line, triggers: ['an observation'] });
    expect(neutralLine({ ...ofAws, triggers: ['finding'] }, aws)).toEqual({ ...line, triggers: ['finding'] });
  });

  test('of a gate’s state: the action and its reason, which the changes have', () => {
    const { kind, repository, verdict, to, images } = line;
    const cleared = { digest: 'sha256:2', outcome: 'cleared', how: 'gone' };
    const last = {
      ...line,
      onlyInherited: false,
      triggers: ['sweep'],
      digest: 'sha256:1',
      images: [...images, cleared],
    };
    expect(standing(last)).toEqual({ kind, repository, verdict, to, images });
  });

  test.each([
    ['the registry', 'in (registry)', `in ${aws.registry}`, `in ${azure.registry}`],
    ['times of the run', 'at (a moment of the run)', 'at 2026-03-02T09:00:00.000Z', 'at 2026-03-02T10:59:00.001Z'],
    ['minutes of the run', 'at (a moment of the run)', 'at 2026-03-02 09:00 UTC', 'at 2026-03-02 10:59 UTC'],
    ['the label of an unknown severity', '(severity "(not known)")', '(severity "UNTRIAGED")', '(severity "Unknown")'],
    [
      'the effect of a closing',
      'closed. (the effect of a closing)',
      'closed. Pulls are blocked for everyone except exempt principals.',
      'closed. Pulls are blocked for everyone.',
    ],
    [
      'how to find out whether an image runs',
      'Whether it runs is not known. (where it runs)',
      'Whether it runs is not known. Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.',
      "Whether it runs is not known. To find out, look for the digest in your clusters, and for pulls of it in the registry's diagnostic log ContainerRegistryRepositoryEvents.",
    ],
    [
      'the commands that let a fix out',
      'Delete 1.4:\n (a command of the cloud)',
      'Delete 1.4:\n aws ecr batch-delete-image --image-ids imageDigest=1',
      'Delete or untag 1.4:\n az acr repository delete --image team/app@1\n or: az acr repository untag --image team/app:1.4',
    ],
    [
      'the host of the registry',
      'open (host)/team/app:1.5 --for 4h',
      'open 123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.5 --for 4h',
      'open acmeimages.azurecr.io/team/app:1.5 --for 4h',
    ],
    [
      'the last pull, which only ECR records by itself',
      'Whether it runs is not known.',
      'Whether it runs is not known; last pull recorded at 2026-03-02 10:59 UTC.',
      'Whether it runs is not known.',
    ],
    ['and no other minute', 'until 2026-03-02 11:01 UTC', undefined, undefined],
    ['and nothing else', 'UNTRIAGED until 2026-03-02T11:00:00.001Z', undefined, undefined],
  ])('of a text: %s', (_what, wanted, ofAws = wanted, ofAzure = wanted) => {
    expect(neutralMail({ subject: '', text: ofAws }, aws).text).toBe(wanted);
    expect(neutralMail({ subject: '', text: ofAzure }, azure).text).toBe(wanted);
  });
});
