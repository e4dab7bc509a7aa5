// Content of registries: names, ids and digests, repository policies, and the manifests of indexes.
import type { ECRClient } from '@aws-sdk/client-ecr';
import fc from 'fast-check';
import * as v from 'valibot';
import { createImages } from '../../../aws/function/images.ts';
import {
  denyStatement,
  lockStateOf,
  MAX_POLICY_CHARACTERS,
  parseRepositoryPolicy,
  withOurs,
  withoutOurs,
} from '../../../aws/function/repository-policy.ts';
import { checkImage, readImage } from '../../../azure/function/named-image.ts';
import { nameOf, registryIn } from '../../../azure/function/registry-id.ts';
import { digest } from '../../../shared/policy/digest.ts';
import { repositoryName } from '../../../shared/policy/repository-name.ts';
import { DIGEST, REGISTRY_ID } from '../../azure/function/samples.ts';
import { anyText, deepText, hostile, nearlyDigest, nearlyName, spoiled, stretched } from './garbage.ts';
import { isDigest, isRepositoryName } from './names.ts';
import { asyncTarget, must, type Target, target } from './target.ts';

const IDS = [
  REGISTRY_ID,
  `${REGISTRY_ID}/repositories/team/app/images/${DIGEST}`,
  `${REGISTRY_ID}/providers/Microsoft.Security/assessments/1`,
];
const name = fc.oneof(
  nearlyName,
  nearlyDigest,
  anyText,
  stretched,
  spoiled([IDS], 2).map((ids) => String(ids)),
  fc.constantFrom(...IDS).chain((id) => hostile.map((text) => id.replace('team', text))),
);

const OURS = denyStatement({
  statementId: 'Pullgate0a1b2c3d4e5f',
  partition: 'aws',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/pullgate-dev',
  exemptPrincipals: [],
});
const FOREIGN = {
  Sid: 'Team',
  Effect: 'Allow',
  Principal: { AWS: ['arn:aws:iam::210987654321:root'] },
  Action: ['ecr:BatchGetImage'],
};
const POLICIES = [
  { Version: '2012-10-17', Statement: [FOREIGN] },
  { Version: '2008-10-17', Statement: [FOREIGN, { ...FOREIGN, Sid: OURS.Sid }, { ...FOREIGN, Sid: 'Other' }] },
  { Statement: FOREIGN, Id: '"Statement":[]' },
  { Statement: [OURS, FOREIGN] },
];
/** ECR stores no longer policy. */
const policyText = fc
  .oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(spoiled<unknown>(POLICIES), fc.constantFrom(undefined, 1, '\t'))
        .map(([value, indent]) => JSON.stringify(value, null, indent) ?? ''),
    },
    { weight: 1, arbitrary: fc.oneof(anyText, anyText, anyText, fc.json(), deepText) },
  )
  .filter((text) => text.length <= MAX_POLICY_CHARACTERS);

/** The bytes of each foreign statement, in order. */
function foreignIn(text: string): readonly string[] | undefined {
  return parseRepositoryPolicy(text)?.statements.flatMap(({ node, value }) =>
    value['Sid'] === OURS.Sid ? [] : [text.slice(node.offset, node.offset + node.length)],
  );
}

const INDEX = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [
    { digest: DIGEST, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 1, platform: { os: 'linux' } },
    { digest: 'sha256:loop', mediaType: 'application/vnd.oci.image.index.v1+json' },
  ],
};
const manifest = fc.oneof(
  spoiled([INDEX]).map((value) => JSON.stringify(value)),
  fc.json(),
  deepText,
);

export const REGISTRY_TARGETS: readonly Target[] = [
  target('names', name, (text) => {
    must(v.is(repositoryName, text) === isRepositoryName(text), 'both rules must agree on a name', text);
    must(v.is(digest, text) === isDigest(text), 'both rules must agree on a digest', text);
    must(!nameOf(text).includes('/'), 'the name of an assessment must be the last part', text);
    const registry = registryIn(text);
    must(registry === undefined || /^[a-z0-9-]{5,63}$/i.test(registry.name), 'a registry must have a name', registry);
    const image = checkImage(readImage([text], [text]));
    must(
      image === undefined || (isRepositoryName(image.repository) && isDigest(image.digest)),
      'an image must be valid',
      image,
    );
  }),

  target('repository-policy', policyText, (text) => {
    const policy = parseRepositoryPolicy(text);
    if (policy === undefined) return;
    const before = foreignIn(text);
    const closed = withOurs(policy, OURS);
    const read = parseRepositoryPolicy(closed);
    if (read === undefined) throw new Error(`closing must turn a policy into a policy: ${closed}`);
    must(lockStateOf(read, OURS) === 'current', 'it must be closed', closed);
    must(String(foreignIn(closed)) === String(before), 'closing must not change foreign statements', [text, closed]);
    const opened = withoutOurs(read, [OURS.Sid]);
    if (opened === undefined)
      return must(before?.length === 0, 'the policy may be deleted only if no statement is left', text);
    must(String(foreignIn(opened)) === String(before), 'opening must not change foreign statements', [text, opened]);
    const again = parseRepositoryPolicy(opened);
    must(again !== undefined && lockStateOf(again, OURS) === 'absent', 'it must be open', opened);
    // If there is a non-empty list, nothing else changes either, and closing again has the same result.
    if (again !== undefined)
      must(withOurs(again, OURS) === closed, 'closing again must have the same result', [opened, closed]);
  }),

  asyncTarget('index-manifest', fc.array(manifest, { minLength: 1, maxLength: 3 }), async (texts) => {
    let calls = 0;
    const named = new Set<string>();
    const client = {
      async send({ input }: { readonly input: { readonly imageIds: readonly { readonly imageDigest: string }[] } }) {
        for (const { imageDigest } of input.imageIds) named.add(imageDigest);
        const imageManifest = texts[calls++ % texts.length];
        return { images: input.imageIds.map((imageId) => ({ imageId, imageManifest })), failures: [] };
      },
    };
    const images = createImages(client as unknown as ECRClient, '123456789012');
    const found = await images.descendants('team/app', ['sha256:first']).catch((error: unknown) => error);
    // Each index is requested once, regardless of how the indexes refer to each other.
    must(calls <= named.size, 'the work must be bounded by the number of indexes', { calls, named: named.size });
    if (found instanceof Set)
      for (const digest of found) must(typeof digest === 'string', 'a digest must be text', digest);
    else must(found instanceof SyntaxError, 'only text that is not JSON may be rejected', String(found));
  }),
];
