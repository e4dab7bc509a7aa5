// What Event Grid reports about a registry: each documented form with the request that it makes, and refused forms.
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../azure/function/parse.ts';
import { readMessage } from '../../../azure/function/queue.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { cloudEvent, DIGEST, eventGridEvent, REGISTRY } from './samples.ts';

const DELETED = 'Microsoft.ContainerRegistry.ImageDeleted';
const PUSH = {
  kind: 'reconcile',
  registry: REGISTRY,
  repository: 'team/app',
  digest: DIGEST,
  trigger: 'push',
} as const;

describe('an event', () => {
  it.each<[string, unknown, object]>([
    ['of a push, as a CloudEvent', cloudEvent(), PUSH],
    ['of a push, in the schema of Event Grid', eventGridEvent(), PUSH],
    ['in a list of its own', [cloudEvent()], PUSH],
    ['of a push without a media type or a tag', cloudEvent({ mediaType: null, tag: undefined }), PUSH],
    [
      'of the push of an index',
      cloudEvent({ mediaType: 'application/vnd.oci.image.index.v1+json' }),
      { ...PUSH, isIndex: true },
    ],
    [
      'of the push of a manifest list',
      cloudEvent({ mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json' }),
      { ...PUSH, isIndex: true },
    ],
    ['of a deletion, as a CloudEvent', cloudEvent({}, { type: DELETED }), { ...PUSH, trigger: 'delete' }],
    [
      'of a deletion, in the schema of Event Grid',
      eventGridEvent({}, { eventType: DELETED }),
      { ...PUSH, trigger: 'delete' },
    ],
    [
      'of the deletion of a whole repository',
      cloudEvent({ digest: null }, { type: DELETED }),
      { ...PUSH, digest: undefined, trigger: 'delete' },
    ],
    [
      'of the push of a manifest that is never of an image is ignored',
      cloudEvent({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json' }),
      { kind: 'ignored', why: 'a push of the media type application/vnd.oci.artifact.manifest.v1+json' },
    ],
    [
      'of a push without a digest is ignored',
      cloudEvent({ digest: undefined }),
      { kind: 'ignored', why: 'a change of an image with the digest not given, which pullgate does not know' },
    ],
    [
      'of a push with a digest of another kind is ignored',
      cloudEvent({ digest: 'sha512:abc' }),
      {
        kind: 'ignored',
        why: 'a change of an image with the digest sha512:abc, which pullgate does not know',
      },
    ],
    [
      'of a deletion with an invalid digest is ignored',
      cloudEvent({ digest: 'v1' }, { type: DELETED }),
      { kind: 'ignored', why: 'a change of an image with the digest v1, which pullgate does not know' },
    ],
    [
      'of a chart is ignored',
      cloudEvent({}, { type: 'Microsoft.ContainerRegistry.ChartPushed' }),
      { kind: 'ignored', why: 'an event type that pullgate does not use: Microsoft.ContainerRegistry.ChartPushed' },
    ],
    [
      'without a type is ignored',
      cloudEvent({}, { type: 5 }),
      { kind: 'ignored', why: 'an event type that pullgate does not use: ' },
    ],
  ])('%s', (_name, message, expected) => {
    const parsed = parseMessage(message);
    expect(parsed).toEqual({
      ok: true,
      value: { message: expected, payload: Array.isArray(message) ? message[0] : message, tries: 0 },
    });
  });

  it('that is retried keeps the number of its retries', () => {
    expect(parseMessage({ ...cloudEvent(), tries: 3 })).toMatchObject({ ok: true, value: { message: PUSH, tries: 3 } });
  });

  const REGISTRY_EXPECTED =
    'expected the id of a registry: /subscriptions/GUID/resourceGroups/GROUP/providers/Microsoft.ContainerRegistry/registries/NAME';
  it.each<[string, unknown, readonly string[]]>([
    [
      'of an unsafe repository',
      cloudEvent({ repository: 'a/../b' }),
      [`data.target.repository is "a/../b": expected ${REPOSITORY_NAME}`],
    ],
    [
      'without data',
      cloudEvent({}, { data: undefined }),
      ['data is missing: expected the image that was pushed or deleted'],
    ],
    [
      'of no registry',
      cloudEvent({}, { source: '/subscriptions' }),
      [`source is "/subscriptions": ${REGISTRY_EXPECTED}`],
    ],
    ['without a topic', eventGridEvent({}, { topic: undefined }), [`topic is missing: ${REGISTRY_EXPECTED}`]],
    ['beside another one', [cloudEvent(), cloudEvent()], [expect.stringContaining('expected a JSON object')]],
  ])('%s is refused', (_name, message, sentences) => {
    const parsed = parseMessage(message);
    expect(parsed.ok ? [] : parsed.problems.map(describeProblem)).toEqual(sentences);
  });
});

describe('the text of a message', () => {
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  it.each<[string, unknown, unknown]>([
    ['base64 of JSON is decoded', encoded('{"n":1}'), { n: 1 }],
    [
      'white space in base64 is ignored',
      `${encoded('{"n":1}').slice(0, 4)}\n${encoded('{"n":1}').slice(4)} `,
      { n: 1 },
    ],
    ['base64 of other text is decoded', encoded('hello'), 'hello'],
    ['JSON, which the host has parsed, is left', { n: 1 }, { n: 1 }],
    ['other text is left', 'not base64!', 'not base64!'],
    ['empty text is left', '', ''],
    ['nothing is left', undefined, undefined],
  ])('%s', (_name, given, message) => {
    expect(readMessage(given)).toEqual(message);
  });
});
