// The door: what the Logic App makes of each sample, and our own messages, each to what it asks for.
import { describe, expect, it } from 'vitest';
import { imageIn, nameOf, parseMessage, type Request, registryIn } from '../../../azure/function/events.ts';
import {
  ASSESSMENT,
  ASSESSMENT_ID,
  DIGEST,
  GROUPED_ASSESSMENT,
  GROUPED_DIGEST,
  GROUPED_REPOSITORY,
  groupedMessage,
  individualMessage,
  REGISTRY,
  REGISTRY_ID,
  SUBSCRIPTION,
} from './samples.ts';

function requestFrom(message: unknown): Request {
  const parsed = parseMessage(message);
  if (!parsed.ok) throw new Error(`expected a request, was given problems: ${JSON.stringify(parsed.problems)}`);
  return parsed.value.request;
}

const INDIVIDUAL = {
  kind: 'image',
  registry: REGISTRY,
  repository: 'team/app',
  digest: DIGEST,
  assessment: ASSESSMENT,
  at: undefined,
} as const satisfies Request;
const GROUPED = {
  kind: 'image',
  registry: { subscription: SUBSCRIPTION, resourceGroup: 'PytorchEnterprise', name: 'ptebic' },
  repository: GROUPED_REPOSITORY,
  digest: GROUPED_DIGEST,
  assessment: GROUPED_ASSESSMENT,
  at: undefined,
} as const satisfies Request;

describe('an event', () => {
  it.each<[string, unknown, Request]>([
    ['of the individual model asks for a look at its image', individualMessage(), INDIVIDUAL],
    ['of the grouped model does too', groupedMessage(), GROUPED],
    [
      'that names no image itself is read from its resource',
      individualMessage({ repository: null, digest: null }),
      INDIVIDUAL,
    ],
    [
      'of the grouped model, whose resource has no registry, is read from it too',
      groupedMessage({ repository: null, digest: null }),
      GROUPED,
    ],
    ['without a resource is read from its image', individualMessage({ resource: null }), INDIVIDUAL],
    [
      'with a time says when it came',
      individualMessage({ at: '2026-03-02T09:00:00.1234567Z' }),
      { ...INDIVIDUAL, at: '2026-03-02T09:00:00.123Z' },
    ],
    ['without a time does not', individualMessage({ at: null }), INDIVIDUAL],
    ['without any word of the action still counts', individualMessage({ action: null }), INDIVIDUAL],
    ['of an action never seen still counts', individualMessage({ action: 'Upsert' }), INDIVIDUAL],
    [
      'that was taken back names no assessment: none has to be there',
      individualMessage({ action: 'Delete' }),
      { ...INDIVIDUAL, assessment: undefined },
    ],
    [
      'that was taken back, in small letters, too',
      individualMessage({ action: 'delete' }),
      { ...INDIVIDUAL, assessment: undefined },
    ],
    [
      'keeps the letters of its registry, and writes the name of its assessment small',
      individualMessage({
        assessment: `${REGISTRY_ID.toUpperCase()}/PROVIDERS/MICROSOFT.SECURITY/ASSESSMENTS/ABCDEF`,
      }),
      {
        ...INDIVIDUAL,
        registry: { subscription: SUBSCRIPTION, resourceGroup: 'RG', name: 'MYACR' },
        assessment: 'abcdef',
      },
    ],
    [
      'whose registry stands in its resource only is of that registry',
      individualMessage({ assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1` }),
      { ...INDIVIDUAL, assessment: 'x1' },
    ],
    ['with more than we know is understood', { ...individualMessage(), news: { of: 2030 } }, INDIVIDUAL],
  ])('%s', (_name, message, request) => {
    expect(requestFrom(message)).toEqual(request);
  });

  it.each<[unknown, number]>([
    [individualMessage(), 0],
    [individualMessage({ tries: 0 }), 0],
    [individualMessage({ tries: 6 }), 6],
    [{ pullgate: 'look', registry: REGISTRY_ID, repository: 'app', trigger: 'tick', tries: 100 }, 100],
  ])('%j has come back %i times', (message, tries) => {
    expect(parseMessage(message)).toMatchObject({ ok: true, value: { tries } });
  });
});

describe('what is not ours is ignored, and said to be', () => {
  const machine = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web`;
  const assessment = `${machine}/providers/Microsoft.Security/assessments/${ASSESSMENT}`;
  const odd = `/subscriptions/${SUBSCRIPTION}/resourceGroups/größe (1)/providers/Microsoft.Sql/servers/s/databases/a b@c`;
  it.each<[string, unknown, string]>([
    [
      'a machine',
      { assessment, repository: null, digest: null, resource: machine, action: 'Insert' },
      `an assessment of something else than a registry: ${assessment}`.slice(0, 200),
    ],
    [
      'something with letters that no registry has',
      { assessment: odd, repository: null, digest: null, resource: null, action: null },
      `an assessment of something else than a registry: ${odd}`.slice(0, 200),
    ],
    [
      "an image in another cloud's registry, named as that cloud does",
      { assessment, repository: 'Team/App:1', digest: 'latest', resource: null, action: 'Insert' },
      `an assessment of something else than a registry: ${assessment}`.slice(0, 200),
    ],
    [
      'what has no id that is one',
      { assessment: "' or 1==1 | take 1" },
      "an assessment of something else than a registry: ' or 1==1 | take 1",
    ],
    [
      'an id of 64 KB, in a short line',
      { assessment: 'x'.repeat(65_536) },
      `an assessment of something else than a registry: ${'x'.repeat(151)}`,
    ],
    [
      'a registry itself',
      individualMessage({ repository: null, digest: null, resource: REGISTRY_ID }),
      `an assessment of no image: ${ASSESSMENT_ID}`.slice(0, 200),
    ],
    [
      'an image that is named by its repository only',
      individualMessage({ digest: null, resource: null }),
      `an assessment of no image: ${ASSESSMENT_ID}`.slice(0, 200),
    ],
  ])('%s', (_name, message, why) => {
    expect(requestFrom(message)).toEqual({ kind: 'ignored', why });
  });
});

describe('a message of our own', () => {
  it.each<[string, unknown, Request]>([
    [
      'for a repository',
      { pullgate: 'look', registry: REGISTRY_ID, repository: 'team/app', trigger: 'sweep' },
      { kind: 'look', registry: REGISTRY, repository: 'team/app', digest: undefined, trigger: 'sweep' },
    ],
    [
      'for one image',
      { pullgate: 'look', registry: REGISTRY_ID, repository: 'team/app', digest: DIGEST, trigger: 'tick' },
      { kind: 'look', registry: REGISTRY, repository: 'team/app', digest: DIGEST, trigger: 'tick' },
    ],
  ])('%s', (_name, message, request) => {
    expect(requestFrom(message)).toEqual(request);
  });

  it.each([
    'a',
    'ab',
    'team/app',
    'a/b/c',
    'my-app_2.0/x',
    '0/0',
    'a'.repeat(256),
    'team--shop/check__out',
    'team---shop/check___out',
    'team/_app-',
    'a..b',
  ])('may name the repository %s, as may an event and the resource in it', (repository) => {
    const message = { pullgate: 'look', registry: REGISTRY_ID, repository, trigger: 'sweep' };
    expect(requestFrom(message)).toMatchObject({ kind: 'look', repository });
    const resource = `${REGISTRY_ID}/repositories/${repository}/images/${DIGEST}`;
    for (const event of [individualMessage({ repository }), individualMessage({ repository: null, resource })]) {
      expect(requestFrom(event)).toMatchObject({ kind: 'image', repository });
    }
  });
});

describe('an id', () => {
  it.each<[string, string | undefined]>([
    [REGISTRY_ID, 'myacr'],
    [ASSESSMENT_ID, 'myacr'],
    [REGISTRY_ID.toLowerCase(), 'myacr'],
    [REGISTRY_ID.replace('resourceGroups/rg', 'resourceGroups/My-group_(2).x'), 'myacr'],
    [`${REGISTRY_ID}2`, 'myacr2'],
    [`${REGISTRY_ID}?x`, undefined],
    [`${REGISTRY_ID}/a\nb`, undefined],
    [`x${REGISTRY_ID}`, undefined],
    [REGISTRY_ID.replace('myacr', 'acr'), undefined],
    [REGISTRY_ID.replace('rg/', 'rg/x/'), undefined],
    [REGISTRY_ID.replace(SUBSCRIPTION, '{SubscriptionID}'), undefined],
    ['', undefined],
  ])('%j is of the registry %s', (id, name) => {
    expect(registryIn(id)?.name).toBe(name);
  });

  it.each<[string, unknown]>([
    [`/repositories/team/app/images/${DIGEST}`, { repository: 'team/app', digest: DIGEST }],
    [`${REGISTRY_ID}/repositories/team/app/images/${DIGEST}/more`, { repository: 'team/app', digest: DIGEST }],
    [`/repositories/a/images/b/images/${DIGEST}`, { repository: 'a/images/b', digest: DIGEST }],
    [`/repositories/Team/App/images/${DIGEST}`, undefined],
    [`/repositories/team/../app/images/${DIGEST}`, undefined],
    ['/repositories/team/app/images/latest', undefined],
    [`/repositories/team-app-images-${DIGEST}`, undefined],
  ])('%s is of the image %j', (resource, image) => {
    expect(imageIn(resource)).toEqual(image);
  });

  it.each([
    [ASSESSMENT_ID, ASSESSMENT],
    ['/a/b/ABC', 'abc'],
    ['abc', 'abc'],
    ['', ''],
  ])('%s ends with the name %s', (id, name) => {
    expect(nameOf(id)).toBe(name);
  });
});
