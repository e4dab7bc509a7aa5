// Tests the real `why` against the local Azure: who set a lock, the images of an index, and read-only permissions.
import { describe, expect, test } from 'vitest';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { whyLines } from '../../../cli/why/text.ts';
import { explainImage } from '../../../cli/why/why.ts';
import { REGISTRY, REPOSITORY, registryId, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { azureClientHere, leastToObserveOnAzure } from '../command-observing.ts';

const HOST = 'acmeimages.azurecr.io';
/** Another registry of the stack. The operator has no role on it. */
const SECOND = registryId('acmesecrets');

describe('why, on Azure', () => {
  test('names who locked an image, an image of an index and a tag, and only reads', async () => {
    const s = await stage({ azure: { registries: [REGISTRY, SECOND] } }, { registries: { [SECOND]: {} } });
    const ours = await s.close('v1');
    const foreign = s.push('v2');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
    s.push('v3');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { tag: 'v3' });
    const index = s.registry.pushIndex(REPOSITORY, { tag: 'all', children: [ours.digest] });
    s.push('v4', 'team/frozen');
    s.registry.setAttributes('team/frozen', { readEnabled: false });
    const { records, registry, images, findings } = leastToObserveOnAzure(s.graph);
    const outputs = outputsOf(s.graph);
    const environment = asAzureOperator(s.cloud, [records, registry, images, findings]);
    const before = await s.world();
    s.cloud.calls.reset();

    const asked = ['why', `${HOST}/${REPOSITORY}:all`, '--json', '--outputs', outputs];
    const { code, stdout, stderr } = await pullgate(asked, environment);
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      stack: 'dev',
      cloud: 'azure',
      digest: index,
      pullable: false,
      closedBy: 'pullgate',
      since: '2026-03-02T09:01:54.000Z',
      obstacles: [{ by: 'pullgate', for: 'everyone', what: 'readEnabled of its image for linux/arm64 is false' }],
      gates: [
        { gate: { digest: index }, state: { kind: 'open' }, blockers: 0 },
        { gate: { digest: ours.digest }, state: { kind: 'closed' }, blockers: 1 },
      ],
      images: [
        { digest: index, part: 'asked', verdict: 'allow', violating: [] },
        {
          digest: ours.digest,
          part: 'child',
          verdict: 'block',
          holds: { kind: 'violates' },
          violating: [
            {
              rule: 'severityThreshold',
              finding: {
                vulnerability: 'CVE-2026-1001',
                package: { name: 'openssl', version: '3.0.13', fixedVersion: '3.0.14' },
              },
            },
          ],
        },
      ],
      advice: {
        moves: [{ package: 'openssl', installed: '3.0.13', moveTo: '3.0.14' }],
        exceptions: [{ id: 'CVE-2026-1001', repository: REPOSITORY, package: 'openssl' }],
        exceptionsOpen: true,
      },
    });
    // The only requests are GETs and the query. Read-only roles allow no more.
    const reads = [
      'acr:Exchange',
      'acr:Token',
      'acr:GetManifest',
      'acr:GetRepository',
      'acr:GetTag',
      'acr:ListManifests',
    ];
    const others = Object.keys(s.cloud.calls.count()).filter((call) => !reads.includes(call));
    expect(others).toEqual(['arm:GetRegistry', 'logs:Query', 'table:Get']);

    const now = () => s.cloud.clock.now().toISOString();
    const clients = [await azureClientHere(s, now, [records, registry, images, findings])];
    const why = (name: string) =>
      explainImage({ name: parseImageName(`${HOST}/${name}`), stack: 'dev', label: 'the stack dev', clients, now });
    const summary = async (name: string) => {
      const { pullable, closedBy, obstacles } = await why(name);
      return [pullable, closedBy, obstacles.map(({ what }) => what)];
    };
    expect(await summary(`${REPOSITORY}@${ours.digest}`)).toEqual([
      false,
      'pullgate',
      ['readEnabled of the image is false'],
    ]);
    expect(await summary(`${REPOSITORY}:v2`)).toEqual([false, 'others', ['readEnabled of the image is false']]);
    expect(await summary(`${REPOSITORY}:v3`)).toEqual([false, 'others', ['readEnabled of the tag v3 is false']]);
    expect(await summary('team/frozen:v4')).toEqual([false, 'others', ['readEnabled of the repository is false']]);
    await expect(why(`${REPOSITORY}:v9`)).rejects.toThrow('no such image in acmeimages.azurecr.io');
    await expect(why('team/none:v1')).rejects.toThrow('no such repository in acmeimages.azurecr.io');
    const elsewhere = parseImageName('otherimages.azurecr.io/team/app:v1');
    await expect(explainImage({ name: elsewhere, stack: 'dev', label: 'the stack dev', clients, now })).rejects.toThrow(
      'is in a registry that the stack dev does not cover: its registries on Azure are acmeimages.azurecr.io, acmesecrets (you cannot read it in Azure Resource Manager); give',
    );
    expect(await s.world()).toEqual(before);

    const reader = asAzureOperator(s.cloud, [records, registry, images], 'operator without findings');
    expect(await pullgate(['why', `${HOST}/${REPOSITORY}:v1`, '--outputs', outputs], reader)).toEqual({
      code: 2,
      stdout: '',
      stderr:
        "pullgate: Log Analytics returned 403: you need Log Analytics Reader on the stack's workspace; a new role assignment takes a few minutes to take effect\n",
    });

    // The finding is suppressed at the provider. The gate stays closed until the function's next observation.
    s.cloud.clock.advance(60_000);
    await s.cloud.defender.setStatus(ours.ids, 'NotApplicable');
    const exempted = await why(`${REPOSITORY}:v1`);
    expect(whyLines(exempted, now()).join('\n')).toContain(
      `  No blockers of the image ${ours.digest} are left: the next event or sweep opens it.\n\nThis image does not violate the policy.\n  CVE-2026-1001 in openssl is suppressed at the provider.`,
    );
  });
});
