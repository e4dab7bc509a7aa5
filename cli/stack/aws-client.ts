// The client for a stack on AWS.
import {
  DescribeImagesCommand,
  ECRServiceException,
  ImageNotFoundException,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import { GetQueueAttributesCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type Adapters, createAdapters } from '../../aws/function/adapters.ts';
import { createClients } from '../../aws/function/clients.ts';
import type { Images } from '../../aws/function/images.ts';
import { createRegistry } from '../../aws/function/registry.ts';
import type { RepositoryLock } from '../../aws/function/repository-lock.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { imagesChooser } from '../../shared/reconcile/rules.ts';
import type { Outcome } from '../../shared/report/decision.ts';
import { obstaclesIn } from './aws-obstacles.ts';
import { type Client, deliverByCommand, type Found, type Obstacle, reconcileByCommand } from './client.ts';
import type { ImageName } from './image-name.ts';
import type { AwsStack } from './stack.ts';

/**
 * Creates the client for a stack on AWS.
 *
 * @param sdk the SDK's clients. Default: clients with the credentials of this machine
 */
export function createAwsClient(settings: AwsStack, now: () => Instant, sdk = createClients(settings.region)): Client {
  const adapters = createAdapters({ settings, clients: sdk, now, log: () => {} });
  const { table, images, lock, pause, portsFrom, scanner } = adapters;
  const { accountId } = settings;
  const reader: Reader = { settings, ecr: sdk.ecr, images, lock, table, scanner };
  return {
    cloud: 'aws',
    settings,
    pause,
    sweep: table.row('sweep'),
    brake: table.row('brake'),
    records: table.records,
    gates: () => table.gates(accountId),
    deadLetters: () => countMessages(sdk.sqs, settings.deadLetterQueueUrl),
    scannerHealth: scanner.health,
    unscannedImages: scanner.unscannedImages,
    repositoriesWithFindings: async () =>
      [...(await scanner.repositoriesWithFindings())].map((repository) => ({ registry: accountId, repository })),
    find: (name) => findImage(reader, name),
    observe: (...asked) => observe(reader, ...asked),
    scans: ({ repository }, digests) => scanner.scansOf(repository, digests),
    // On AWS, a lock always blocks pulls of the whole repository.
    obstacles: (image) => findObstacles(reader, image),
    repositoryObstacles: (repository) => findObstacles(reader, repository),
    read: (gate) => lock.read(gate),
    openByMark: (gate) => openByMark(lock, gate),
    reconcile: (...asked) => reconcileByCommand(settings, async () => portsFrom(now()), ...asked),
    deliver: (gates) => deliverByCommand(adapters.delivery, gates),
  };
}

/** What is needed to read the registry. */
interface Reader extends Pick<Adapters, 'table' | 'scanner'> {
  readonly settings: AwsStack;
  readonly ecr: ReturnType<typeof createClients>['ecr'];
  readonly images: Images;
  readonly lock: RepositoryLock;
}

async function countMessages(sqs: SQSClient, queueUrl: string): Promise<number> {
  const request = { QueueUrl: queueUrl, AttributeNames: ['ApproximateNumberOfMessages' as const] };
  const { Attributes: attributes } = await sqs.send(new GetQueueAttributesCommand(request));
  return Number(attributes?.ApproximateNumberOfMessages);
}

async function observe(
  { settings, images, lock, scanner }: Reader,
  ...[gate, blockers, also = []]: Parameters<Client['observe']>
): ReturnType<Client['observe']> {
  // A closed repository also denies this call. Then only the record shows which images its indexes contain.
  let isRefused = false;
  const descendants: Images['descendants'] = async (repository, indexes) => {
    try {
      return await images.descendants(repository, indexes);
    } catch (error) {
      if (!isDenied(error)) throw error;
      isRefused = true;
      return new Set(blockers.flatMap(({ digest, inactive }) => (inactive?.why === 'outOfScope' ? [] : [digest])));
    }
  };
  const registry = createRegistry({
    images: { ...images, descendants },
    scanner,
    lock,
    imagesOf: imagesChooser(settings),
  });
  const known = [...blockers.map(({ digest }) => digest), ...also];
  try {
    const found = await registry.observe(gate, 'all', [...new Set(known)]);
    return isRefused ? { images: found, unsure: UNSURE } : { images: found };
  } catch (error) {
    if (isDeniedByPolicy(error)) return { images: [], unsure: SEALED };
    throw error;
  }
}

async function findObstacles(
  { settings: { statementId }, lock, table }: Reader,
  { registry, repository }: Pick<Gate, 'registry' | 'repository'>,
): Promise<readonly Obstacle[]> {
  const reading = await lock.read({ registry, repository }).catch((error: unknown) => {
    if (isDeniedByPolicy(error)) return 'sealed' as const;
    throw error;
  });
  if (reading === 'sealed') return [{ by: 'others', for: 'some', what: SEALED }];
  if (reading === undefined) return [];
  const isLocked = reading.lock !== 'absent' || reading.otherLocks !== undefined;
  const record = isLocked ? (await table.records.load({ registry, repository })).value : undefined;
  const ourIds = [statementId, ...(record?.lockIds ?? [])];
  return obstaclesIn(reading.snapshot, ourIds, record?.closedSince ?? record?.since);
}

/** The Sid of a statement shows whose it is. */
async function openByMark(lock: RepositoryLock, gate: Gate): Promise<Outcome> {
  const reading = await lock.read(gate);
  if (reading === undefined || reading.lock === 'absent') return { action: 'nothing' };
  const written = await lock.write(gate, reading, 'open');
  if (written.kind === 'refused') return { action: 'refused', problem: written.problem };
  if (written.kind === 'overtaken') throw new Error('its policy changed at the same time: run this command again');
  return { action: 'opened' };
}

async function findImage(reader: Reader, { registry, repository, tag, digest }: ImageName): Promise<Found> {
  const { accountId, region } = reader.settings;
  if (registry.cloud !== 'aws' || registry.accountId !== accountId || registry.region !== region)
    return { kind: 'elsewhere', registries: [`${accountId}.dkr.ecr.${region}.amazonaws.com`] };
  const imageIds = [digest === undefined ? { imageTag: tag } : { imageDigest: digest }];
  try {
    // https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImagesFilter.html
    const filter = { imageStatus: 'ANY' as const };
    const request = { registryId: accountId, repositoryName: repository, imageIds, filter };
    const { imageDetails: [image] = [] } = await reader.ecr.send(new DescribeImagesCommand(request));
    if (image?.imageDigest === undefined) return { kind: 'absent', what: 'image' };
    const { imageDigest, imageTags = [], imageStatus } = image;
    return {
      kind: 'found',
      registry: accountId,
      repository,
      digest: imageDigest,
      tags: imageTags,
      tag,
      children: await findChildren(reader, repository, imageDigest),
      gates: [{ registry: accountId, repository }],
      problem:
        imageStatus === 'ARCHIVED' ? 'it is archived and cannot be pulled from ECR until it is reactivated' : undefined,
    };
  } catch (error) {
    if (error instanceof RepositoryNotFoundException) return { kind: 'absent', what: 'repository' };
    if (error instanceof ImageNotFoundException) return { kind: 'absent', what: 'image' };
    throw error;
  }
}

async function findChildren({ images }: Reader, repository: string, digest: string) {
  const found = await images.describe(repository, [digest]);
  if (found.get(digest)?.isIndex !== true) return [];
  const children = await images.descendants(repository, [digest]).catch((error: unknown) => {
    if (isDenied(error)) return [];
    throw error;
  });
  return [...children].map((child) => ({ digest: child, platform: '' }));
}

const UNSURE =
  'you cannot read image indexes here (ecr:BatchGetImage, which a closed repository denies): an untagged image is in scope only if it is on record';

const SEALED = 'the repository policy denies you permission to read it';

/** The policy of one repository denies access to this caller. Other repositories can still be read. */
function isDeniedByPolicy(error: unknown): boolean {
  return isDenied(error) && /explicit deny in a resource-based policy/.test((error as Error).message);
}

function isDenied(error: unknown): boolean {
  return error instanceof ECRServiceException && error.name === 'AccessDeniedException';
}
