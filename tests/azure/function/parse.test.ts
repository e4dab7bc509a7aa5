// Input validation: the Logic App's message for each sample, and our own messages, each with the parsed request.
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
    ['of the individual model requests a reconciliation of its image', individualMessage(), INDIVIDUAL],
    ['of the grouped model does, too', groupedMessage(), GROUPED],
    ['without an image in its details gets it from its resource', individualMessage(additional({})), INDIVIDUAL],
    ['without a resource gets the image from its details', individualMessage({ resourceDetails: '' }), INDIVIDUAL],
    [
      'with a dashed resource gets the image from its details',
      individualMessage(resource(`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`)),
      INDIVIDUAL,
    ],
    [
      'with only a dashed resource may be about team/app or team-app',
      individualMessage({
        ...resource(`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`),
        resourceAdditionalData: null,
      }),
      { ...INDIVIDUAL, repository: 'team-app', isDashed: true },
    ],
    [
      'with a dashed resource right after the name of its registry is about that registry',
      individualMessage({
        assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1`,
        ...resource(`${REGISTRY_ID}-repositories-team-app-images-${DIGEST}`),
      }),
      { ...INDIVIDUAL, assessment: 'x1' },
    ],
    [
      'without a registry may be about any registry that has the image',
      individualMessage({
        assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1`,
        ...resource(`repositories-team-app-images-${DIGEST}`),
      }),
      { ...INDIVIDUAL, registry: undefined, assessment: 'x1' },
    ],
    [
      'with details in camelCase, and text inside text, is parsed',
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
      'with non-ASCII letters in the resource group is about that registry',
      individualMessage({ assessment: ASSESSMENT_ID.replace('/rg/', '/größe-日本/') }),
      { ...INDIVIDUAL, registry: { ...REGISTRY, resourceGroup: 'größe-日本' } },
    ],
    [
      'with a time keeps it',
      individualMessage({ at: '2026-03-02T09:00:00.1234567Z' }),
      { ...INDIVIDUAL, at: '2026-03-02T09:00:00.123Z' },
    ],
    ['without a time has none', individualMessage({ at: null }), INDIVIDUAL],
    ['without an action still counts', individualMessage({ assessmentEventDataEnrichment: null }), INDIVIDUAL],
    ['with an unknown action still counts', individualMessage(action('Upsert')), INDIVIDUAL],
    [
      'about a deleted assessment names none, because no row can confirm it',
      individualMessage(action('Delete')),
      { ...INDIVIDUAL, assessment: undefined },
    ],
    [
      'about a deleted assessment, in lower case',
      individualMessage(action('delete')),
      { ...INDIVIDUAL, assessment: undefined },
    ],
    [
      'keeps the case of its registry, and lowers the case of its assessment',
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
      'with a registry only in its resource is about that registry',
      individualMessage({ assessment: `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/x1` }),
      { ...INDIVIDUAL, assessment: 'x1' },
    ],
    ['with unknown fields is parsed', { ...individualMessage(), news: { of: 2030 } }, INDIVIDUAL],
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

describe('an irrelevant event is ignored with a reason', () => {
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
      'a resource with letters that no registry has',
      { assessment: odd },
      `not an assessment of a registry: ${odd}`.slice(0, 200),
    ],
    [
      'an image in a registry of another cloud, named in the form of that cloud',
      {
        assessment,
        resourceDetails: JSON.stringify({ Source: 'Aws', ResourceType: '.containerimage' }),
        ...additional({ RepositoryName: 'Team/App:1', Digest: 'latest' }),
      },
      `not an assessment of a registry: ${assessment}`.slice(0, 200),
    ],
    ['an invalid id', { assessment: "' or 1==1 | take 1" }, "not an assessment of a registry: ' or 1==1 | take 1"],
    [
      'an id of 64 KB, with a short reason',
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

describe('an event about an unnamed container image is reported', () => {
  const nowhere = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Security/assessments/${ASSESSMENT}`;
  it.each<[string, unknown, Omit<Extract<Message, { kind: 'unattributed' }>, 'kind'>]>([
    [
      'only its type says that it is about an image',
      { assessment: nowhere, ...resource('') },
      { assessment: nowhere, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names only its repository',
      individualMessage({ ...resource(REGISTRY_ID), ...additional({ RepositoryName: 'team/app' }) }),
      { assessment: ASSESSMENT_ID, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names only its digest',
      individualMessage({ ...resource(REGISTRY_ID), ...additional({ Digest: DIGEST }) }),
      { assessment: ASSESSMENT_ID, why: 'the event does not name both a repository and a digest' },
    ],
    [
      'it names no registry, and an invalid repository',
      { assessment: nowhere, ...additional({ RepositoryName: 'Team/App', Digest: DIGEST }) },
      { assessment: nowhere, why: `repository is "Team/App": expected ${REPOSITORY_NAME}` },
    ],
    [
      'its id is invalid and long',
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

  it.each(REPOSITORY_NAMES)('may name the repository %s, and so may an event and its resource', (repository) => {
    const message = { pullgate: 'reconcile', registry: REGISTRY_ID, repository, trigger: 'sweep' };
    expect(requestFrom(message)).toMatchObject({ kind: 'reconcile', repository });
    const named = individualMessage({ ...additional({ RepositoryName: repository, Digest: DIGEST }) });
    const byId = resource(`${REGISTRY_ID}/repositories/${repository}/images/${DIGEST}`);
    for (const event of [named, individualMessage({ ...byId, resourceAdditionalData: null })]) {
      expect(requestFrom(event)).toMatchObject({ kind: 'image', repository });
    }
  });
});
