// The AWS side of a stack, with the credentials of whoever runs the command.
import {
  DescribeImagesCommand,
  ECRServiceException,
  ImageNotFoundException,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { createClients } from '../../aws/function/clients.ts';
import { type Images, imagesOf } from '../../aws/function/images.ts';
import { partsOf } from '../../aws/function/invocation.ts';
import { registryOf } from '../../aws/function/registry.ts';
import { policyGateOf } from '../../aws/function/repository-lock.ts';
import { denyStatement } from '../../aws/function/repository-policy.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { rulesOf } from '../../shared/reconcile/rules.ts';
import { obstaclesIn } from './aws-obstacles.ts';
import type { ImageName } from './image-name.ts';
import { type Found, releaseHint, type Side } from './side.ts';
import type { AwsStack } from './stack.ts';

export function awsSide(settings: AwsStack, now: () => Instant, clients = createClients(settings.region)): Side {
  const { table, pause, portsFrom, scanner } = partsOf({ settings, clients, now, log: () => {} });
  const { accountId, region, statementId, policy } = settings;
  const rules = rulesOf(settings, 'pause');
  const images = imagesOf(clients.ecr, accountId);
  const gate = policyGateOf(clients, accountId, denyStatement(settings));
  return {
    cloud: 'aws',
    pause,
    records: table.records,
    gates: () => table.gates(accountId),
    open: (gate) => reconcile(releaseHint(gate), rules, portsFrom(now())),

    settings,
    sweep: table.row('sweep'),
    brake: table.row('brake'),
    async deadLetters() {
      const { Attributes: attributes } = await clients.sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl: settings.deadLetterQueueUrl,
          AttributeNames: ['ApproximateNumberOfMessages'],
        }),
      );
      return Number(attributes?.ApproximateNumberOfMessages);
    },
    blindness: scanner.blindness,
    repositoriesWithFindings: async () =>
      [...(await scanner.repositoriesWithFindings())].map((repository) => ({ registry: accountId, repository })),
    find,
    async look(where, blockers, also = []) {
      // A closed repository refuses this very command, too: what its indexes lead to, only the record can say.
      let isRefused = false;
      const descendants: Images['descendants'] = async (repository, indexes) => {
        try {
          return await images.descendants(repository, indexes);
        } catch (error) {
          if (!isDenied(error)) throw error;
          isRefused = true;
          return new Set(blockers.flatMap(({ digest, departed }) => (departed?.why === 'outOfScope' ? [] : [digest])));
        }
      };
      const registry = registryOf({ images: { ...images, descendants }, scanner, gate, policy });
      const known = [...blockers.map(({ digest }) => digest), ...also];
      try {
        const looks = await registry.observe(where, 'all', [...new Set(known)]);
        return isRefused ? { looks, unsure: UNSURE } : { looks };
      } catch (error) {
        if (isDeniedByPolicy(error)) return { looks: [], unsure: SEALED };
        throw error;
      }
    },
    scans: ({ repository }, digests) => scanner.scansOf(repository, digests),
    async obstacles({ registry, repository }) {
      const reading = await gate.read({ registry, repository }).catch((error: unknown) => {
        if (isDeniedByPolicy(error)) return 'sealed' as const;
        throw error;
      });
      if (reading === 'sealed') return [{ by: 'others', for: 'some', what: SEALED }];
      if (reading === undefined) return [];
      const isClosed = reading.ours !== 'absent';
      const record = isClosed ? (await table.records.load({ registry, repository })).value : undefined;
      return obstaclesIn(reading.snapshot, statementId, record?.closedSince ?? record?.since);
    },
  };

  async function find({ registry, repository, tag, digest }: ImageName): Promise<Found> {
    if (registry.cloud !== 'aws' || registry.accountId !== accountId || registry.region !== region)
      return { kind: 'elsewhere', registries: [`${accountId}.dkr.ecr.${region}.amazonaws.com`] };
    const imageIds = [digest === undefined ? { imageTag: tag } : { imageDigest: digest }];
    try {
      const request = { registryId: accountId, repositoryName: repository, imageIds };
      const { imageDetails: [image] = [] } = await clients.ecr.send(new DescribeImagesCommand(request));
      if (image?.imageDigest === undefined) return { kind: 'absent', what: 'image' };
      const { imageDigest, imageTags = [], imageStatus } = image;
      return {
        kind: 'found',
        registry: accountId,
        repository,
        digest: imageDigest,
        tags: imageTags,
        tag,
        children: await childrenOf(repository, imageDigest),
        gates: [{ registry: accountId, repository }],
        problem: imageStatus === 'ARCHIVED' ? 'it is archived: ECR gives it to nobody until it is restored' : undefined,
      };
    } catch (error) {
      if (error instanceof RepositoryNotFoundException) return { kind: 'absent', what: 'repository' };
      if (error instanceof ImageNotFoundException) return { kind: 'absent', what: 'image' };
      throw error;
    }
  }

  async function childrenOf(repository: string, digest: string) {
    const found = await images.describe(repository, [digest]);
    if (found.get(digest)?.isIndex !== true) return [];
    const children = await images.descendants(repository, [digest]).catch((error: unknown) => {
      if (isDenied(error)) return [];
      throw error;
    });
    return [...children].map((child) => ({ digest: child, platform: '' }));
  }
}

const UNSURE =
  'who runs this command may not read image indexes here (ecr:BatchGetImage; a closed repository refuses it): an untagged image counts only where the record says so';

const SEALED = 'the policy of the repository denies even a look at it to whoever runs this command';

/** Somebody has shut a repository, and not the account: everything else can be looked at all the same. */
function isDeniedByPolicy(error: unknown): boolean {
  return isDenied(error) && /explicit deny in a resource-based policy/.test((error as Error).message);
}

function isDenied(error: unknown): boolean {
  return error instanceof ECRServiceException && error.name === 'AccessDeniedException';
}
