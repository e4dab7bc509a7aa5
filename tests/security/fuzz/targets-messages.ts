// Input validation of both functions: any message is rejected in a few words, ignored, or contains well-formed names.
import fc from 'fast-check';
import { parseMessage as parseAws } from '../../../aws/function/parse.ts';
import { parseMessage as parseAzure } from '../../../azure/function/parse.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { ACCOUNT_ID, SAMPLES as AWS_SAMPLES, changed, sampleText } from '../../aws/function/samples.ts';
import {
  additional,
  cloudEvent,
  eventGridEvent,
  groupedMessage,
  individualMessage,
  REGISTRY_ID,
  resource,
} from '../../azure/function/samples.ts';
import { anyText, anyValue, deepText, nearlyDigest, nearlyName, spoiled } from './garbage.ts';
import { isDigest, isRepositoryName, mustBeSentences } from './names.ts';
import { must, type Target, target } from './target.ts';

const awsSamples: readonly unknown[] = [
  ...AWS_SAMPLES.map((name) => JSON.parse(sampleText(name))),
  { pullgate: 'reconcile', repository: 'team/app', trigger: 'sweep' },
  { pullgate: 'tick' },
  { pullgate: 'sweep' },
];
const cut = fc
  .tuple(fc.constantFrom(...awsSamples.map((sample) => JSON.stringify(sample))), fc.integer({ min: 0, max: 100 }))
  .map(([text, share]) => text.slice(0, Math.floor((share * text.length) / 100)));
const awsBody = fc.oneof(
  { weight: 6, arbitrary: spoiled(awsSamples).map((sample) => JSON.stringify(sample) ?? '') },
  { weight: 1, arbitrary: cut },
  { weight: 1, arbitrary: fc.oneof(anyText, anyText, anyText, fc.json(), deepText) },
);

const azureSamples: readonly unknown[] = [
  individualMessage(),
  groupedMessage(),
  individualMessage({ repository: null, digest: null, action: 'Delete', tries: 3, at: '2026-03-02T08:00:00Z' }),
  { pullgate: 'reconcile', registry: REGISTRY_ID, repository: 'team/app', trigger: 'sweep' },
  cloudEvent(),
  eventGridEvent({ digest: null }, { eventType: 'Microsoft.ContainerRegistry.ImageDeleted', tries: 1 }),
];
const azureBody = fc.oneof(
  { weight: 6, arbitrary: spoiled(azureSamples) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      anyValue,
      fc.anything(),
      deepText.map((text): unknown => JSON.parse(text)),
    ),
  },
);

function mustBeRefusal(problems: readonly Parameters<typeof describeProblem>[0][]): void {
  const sentences = problems.map(describeProblem);
  mustBeSentences(sentences, 5);
  for (const sentence of sentences)
    must(sentence.length < 400 && !/[\n\r]/.test(sentence), 'a problem must be one short line', sentence);
}

export const MESSAGE_TARGETS: readonly Target[] = [
  target('aws-message', awsBody, (body) => {
    const parsed = parseAws(body, ACCOUNT_ID);
    if (!parsed.ok) return mustBeRefusal(parsed.problems);
    const { value } = parsed;
    if (value.kind === 'ignored') must(value.why.length <= 200, 'why must be short', value.why);
    if (value.kind === 'reconcile') must(isRepositoryName(value.repository), 'the repository must have a name', value);
    if (value.kind === 'images')
      for (const { repository, digest } of value.images)
        must(isRepositoryName(repository) && isDigest(digest), 'each image must have a name and a digest', value);
  }),

  target('azure-message', azureBody, (body) => {
    const parsed = parseAzure(body);
    if (!parsed.ok) return mustBeRefusal(parsed.problems);
    const { message, tries } = parsed.value;
    must(Number.isInteger(tries) && tries >= 0 && tries <= 100, 'tries must be few', tries);
    if (message.kind === 'ignored') return must(message.why.length <= 200, 'why must be short', message.why);
    if (message.kind === 'unattributed')
      return must(message.assessment.length <= 1_000, 'an id must be short', message);
    if (message.registry !== undefined) {
      const { subscription, resourceGroup, name } = message.registry;
      must(/^[0-9a-f-]{36}$/i.test(subscription), 'a subscription must be a GUID', subscription);
      must(/^[-\p{L}\p{N}_.()]{1,90}$/u.test(resourceGroup), 'a resource group must have a name', resourceGroup);
      must(/^[a-z0-9-]{5,63}$/i.test(name), 'a registry must have a name', name);
    }
    must(isRepositoryName(message.repository), 'the repository must have a name', message);
    must(message.digest === undefined || isDigest(message.digest), 'the digest must be valid', message);
    if (message.kind === 'image' && message.assessment !== undefined)
      must(/^[0-9a-z][0-9a-z-]{0,99}$/.test(message.assessment), 'an assessment must have a name', message);
  }),

  target('named-images', fc.tuple(nearlyName, nearlyDigest), ([repository, digest]) => {
    const detail = { result: 'SUCCESS', 'action-type': 'PUSH', 'repository-name': repository, 'image-digest': digest };
    const aws = parseAws(changed('ecr-image-push', ['detail'], detail), ACCOUNT_ID).ok;
    must(
      aws === (isRepositoryName(repository) && isDigest(digest)),
      'ECR: an image must be read exactly if its name and digest are valid',
      detail,
    );
    const named = { ...additional({ RepositoryName: repository, Digest: digest }), ...resource(REGISTRY_ID) };
    const azure = parseAzure(individualMessage(named));
    const isImage = azure.ok && azure.value.message.kind === 'image';
    must(
      isImage === (isRepositoryName(repository) && isDigest(digest)),
      'ACR: an image must be read exactly if its name and digest are valid',
      detail,
    );
  }),
];
