// Input validation: what the Logic App makes of each sample, and our own messages, each to what it asks for.
import { describe, expect, it } from 'vitest';
import { type Message, parseMessage } from '../../../azure/function/parse.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { REPOSITORY_NAMES } from '../../shared/samples.ts';
import {
  ASSESSMENT,
  ASSESSMENT_ID,
  action,
  additional,
  DIGEST,
  GROUPED_ASSESSMENT,
  GROUPED_DIGEST,
  GROUPED_REPOSITORY,
  groupedMessage,
  individualMessage,
  REGISTRY,
  REGISTRY_ID,
  resource,
  SUBSCRIPTION,
} from './samples.ts';

function requestFrom(message: unknown): Message {
  const parsed = parseMessage(message);
  if (!parsed.ok) throw new Error(`expected a request, was given problems: ${JSON.stringify(parsed.problems)}`);
  return parsed.value.message;
}

const INDIVIDUAL = {
  kind: 'image',
  registry: REGISTRY,
  repository: 'team/app',
  digest: DIGEST,
  assessment: ASSESSMENT,
  at: undefined,
} as const satisfies Message;
const GROUPED = {
  kind: 'image',
  registry: { subscription: SUBSCRIPTION, resourceGroup: 'PytorchEnterprise', name: 'ptebic' },
  repository: GROUPED_REPOSITORY,
  digest: GROUPED_DIGEST,
  assessment: GROUPED_ASSESSMENT,
  at: undefined,
} as const satisfies Message;

describe('an event', () => {
  it.each<[string, unknown, Message]>([
    ['of the individual model asks for a reconciliation of its image', individualMessage(), INDIVIDUAL],
    ['of the grouped model does too', groupedMessage(), GROUPED],
    ['that names no image itself is read from its resource', individualMessage(additional({})), INDIVIDUAL],
    ['without a resource is read from its image', individualMessage({ resourceDetails: '' }), INDIVIDUAL],
    [
      'with a dashed resource is read from its image',
      individualMessage(resource(`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`)),
      INDIVIDUAL,
    ],
    [
      'with a dashed resource alone may be of team/app and of team-app',
      individualMessage({
        ...resource(`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`),
        resourceAdditionalData: null,
      }),
      { ...INDIVIDUAL, repository: 'team-app', isDashed: true },
    ],
    [
      'with a dashed resource right behind the name of its registry is of that registry',
      individualMessage({
        assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1`,
        ...resource(`${REGISTRY_ID}-repositories-team-app-images-${DIGEST}`),
      }),
      { ...INDIVIDUAL, assessment: 'x1' },
    ],
    [
      'that names no registry is about any that has its image',
      individualMessage({
        assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1`,
        ...resource(`repositories-team-app-images-${DIGEST}`),
      }),
      { ...INDIVIDUAL, registry: undefined, assessment: 'x1' },
    ],
    [
      'whose details are in camelCase, and text within text, is read too',
      individualMessage({
        resourceDetails: JSON.stringify({ source: 'azure', resourceType: '.containerimage' }),
        resourceAdditionalData: JSON.stringify({
          repositoryDetails: JSON.stringify({ repositoryName: 'team/app' }),
          digest: DIGEST,
        }),
      }),
      INDIVIDUAL,
    ],
    [
      'of a registry whose resource group has letters beyond ASCII is of that registry',
      individualMessage({ assessment: ASSESSMENT_ID.replace('/rg/', '/größe-日本/') }),
      { ...INDIVIDUAL, registry: { ...REGISTRY, resourceGroup: 'größe-日本' } },
    ],
    [
      'with a time says when it came',
      individualMessage({ at: '2026-03-02T09:00:00.1234567Z' }),
      { ...INDIVIDUAL, at: '2026-03-02T09:00:00.123Z' },
    ],
    ['without a time does not', individualMessage({ at: null }), INDIVIDUAL],
    [
      'without any word of the action still counts',
      individualMessage({ assessmentEventDataEnrichment: null }),
      INDIVIDUAL,
    ],
    ['of an action never seen still counts', individualMessage(action('Upsert')), INDIVIDUAL],
    [
      'that was deleted names no assessment: none has to be there',
      individualMessage(action('Delete')),
      { ...INDIVIDUAL, assessment: undefined },
    ],
    [
      'that was deleted, in small letters, too',
      individualMessage(action('delete')),
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
    [{ pullgate: 'reconcile', registry: REGISTRY_ID, repository: 'app', trigger: 'tick', tries: 100 }, 100],
  ])('%j was retried %i times', (message, tries) => {
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
      { assessment, ...resource(machine, 'virtualMachine'), resourceAdditionalData: '', ...action('Insert') },
      `not an assessment of a registry: ${assessment}`.slice(0, 200),
    ],
    [
      'something with letters that no registry has',
      { assessment: odd },
      `not an assessment of a registry: ${odd}`.slice(0, 200),
    ],
    [
      "an image in another cloud's registry, named as that cloud does",
      {
        assessment,
        resourceDetails: JSON.stringify({ Source: 'Aws', ResourceType: '.containerimage' }),
        ...additional({ RepositoryName: 'Team/App:1', Digest: 'latest' }),
      },
      `not an assessment of a registry: ${assessment}`.slice(0, 200),
    ],
    [
      'what has no id that is one',
      { assessment: "' or 1==1 | take 1" },
      "not an assessment of a registry: ' or 1==1 | take 1",
    ],
    [
      'an id of 64 KB, in a short line',
      { assessment: 'x'.repeat(65_536) },
      `not an assessment of a registry: ${'x'.repeat(167)}`,
    ],
    [
      'a registry itself',
      individualMessage({ ...resource(REGISTRY_ID, 'containerregistry'), resourceAdditionalData: null }),
      `not an assessment of an image: ${ASSESSMENT_ID}`.slice(0, 200),
    ],
  ])('%s', (_name, message, why) => {
    expect(requestFrom(message)).toEqual({ kind: 'ignored', why });
  });
});

describe('an event of a container image that does not say which is not lost without a word', () => {
  const nowhere = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/${ASSESSMENT}`;
  it.each<[string, unknown, Omit<Extract<Message, { kind: 'unattributed' }>, 'kind'>]>([
    [
      'its type says that it is one, and nothing names it',
      { assessment: nowhere, ...resource('') },
      { assessment: nowhere, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names its repository only',
      individualMessage({ ...resource(REGISTRY_ID), ...additional({ RepositoryName: 'team/app' }) }),
      { assessment: ASSESSMENT_ID, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names its digest only',
      individualMessage({ ...resource(REGISTRY_ID), ...additional({ Digest: DIGEST }) }),
      { assessment: ASSESSMENT_ID, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names no registry, and its repository cannot be one',
      { assessment: nowhere, ...additional({ RepositoryName: 'Team/App', Digest: DIGEST }) },
      { assessment: nowhere, why: `repository is "Team/App": expected ${REPOSITORY_NAME}` },
    ],
    [
      'its id is no id, and long',
      { assessment: `x'${'y'.repeat(2_000)}`, ...additional({ RepositoryName: 'team/app', Digest: DIGEST }) },
      {
        assessment: `x'${'y'.repeat(998)}`,
        why: `assessment is "x'${'y'.repeat(117)}…: expected an assessment id of at most 1000 characters that ends with its name`,
      },
    ],
  ])('%s', (_name, message, unattributed) => {
    expect(requestFrom(message)).toEqual({ kind: 'unattributed', ...unattributed });
  });
});

describe('a message of our own', () => {
  it.each<[string, unknown, Message]>([
    [
      'for a repository',
      { pullgate: 'reconcile', registry: REGISTRY_ID, repository: 'team/app', trigger: 'sweep' },
      { kind: 'reconcile', registry: REGISTRY, repository: 'team/app', digest: undefined, trigger: 'sweep' },
    ],
    [
      'for one image',
      { pullgate: 'reconcile', registry: REGISTRY_ID, repository: 'team/app', digest: DIGEST, trigger: 'tick' },
      { kind: 'reconcile', registry: REGISTRY, repository: 'team/app', digest: DIGEST, trigger: 'tick' },
    ],
  ])('%s', (_name, message, request) => {
    expect(requestFrom(message)).toEqual(request);
  });

  it.each(REPOSITORY_NAMES)('may name the repository %s, as may an event and the resource in it', (repository) => {
    const message = { pullgate: 'reconcile', registry: REGISTRY_ID, repository, trigger: 'sweep' };
    expect(requestFrom(message)).toMatchObject({ kind: 'reconcile', repository });
    const named = individualMessage({ ...additional({ RepositoryName: repository, Digest: DIGEST }) });
    const byId = resource(`${REGISTRY_ID}/repositories/${repository}/images/${DIGEST}`);
    for (const event of [named, individualMessage({ ...byId, resourceAdditionalData: null })]) {
      expect(requestFrom(event)).toMatchObject({ kind: 'image', repository });
    }
  });
});
