// The scratch repository in Amazon ECR.
import {
  BatchDeleteImageCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  GetAuthorizationTokenCommand,
  GetRepositoryPolicyCommand,
  RepositoryAlreadyExistsException,
  RepositoryNotFoundException,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { ListFindingsCommand } from '@aws-sdk/client-inspector2';
import { type Clients, createClients } from '../../aws/function/clients.ts';
import { registryHost } from '../../aws/function/registry-host.ts';
import { parseRepositoryPolicy } from '../../aws/function/repository-policy.ts';
import type { Client } from '../stack/client.ts';
import type { AwsStack } from '../stack/stack.ts';
import { MANIFEST } from './image.ts';
import { type AskRegistry, pullImage, pushImage } from './oci.ts';
import {
  eventUnknown,
  fieldsOf,
  fieldsUnknown,
  type Measures,
  NameTaken,
  notMeasured,
  refusalUnknown,
  type Scratch,
  type Unknown,
} from './scratch.ts';

type Sdk = Pick<Clients, 'ecr' | 'ecrOnce' | 'inspector'>;

/** @param sdk the SDK's clients. Default: clients with the credentials of this machine */
export function createAwsScratch(
  stack: AwsStack,
  client: Client,
  repository: string,
  sdk: Sdk = createClients(stack.region),
): Scratch {
  const { accountId: registryId, region } = stack;
  const named = { registryId, repositoryName: repository };
  const { ecr, ecrOnce } = sdk;
  const foreign = foreignStatement(sdk, named, stack.partition);
  return {
    client,
    repository,
    host: registryHost(stack),
    gate: () => ({ registry: registryId, repository }),
    locksImages: false,
    tellsScans: true,
    removal: `aws ecr delete-repository --force --region ${region} --registry-id ${registryId} --repository-name ${repository}`,
    async exists() {
      try {
        const request = { registryId, repositoryNames: [repository] };
        await ecr.send(new DescribeRepositoriesCommand(request));
        return true;
      } catch (error) {
        if (error instanceof RepositoryNotFoundException) return false;
        throw error;
      }
    },
    async create() {
      try {
        // One attempt: after a retry, an existing repository could be the one that the first attempt made.
        await ecrOnce.send(new CreateRepositoryCommand(named));
      } catch (error) {
        if (error instanceof RepositoryAlreadyExistsException) throw new NameTaken(error.message, { cause: error });
        throw error;
      }
    },
    async remove() {
      try {
        await ecr.send(new DeleteRepositoryCommand({ ...named, force: true }));
      } catch (error) {
        if (!(error instanceof RepositoryNotFoundException)) throw error;
      }
    },
    push: async (image, tag) => pushImage(askWithToken(ecr), repository, image, tag),
    pull: async (tag) => pullImage(askWithToken(ecr), repository, tag),
    // Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors-docker.html
    isRefusal: (status) => status === 403,
    async deleteImage(digest) {
      const request = { ...named, imageIds: [{ imageDigest: digest }] };
      const { failures: [failure] = [] } = await ecr.send(new BatchDeleteImageCommand(request));
      if (failure !== undefined) throw new Error(`ECR did not delete ${digest}: ${failure.failureReason}`);
    },
    foreign,
    // The policy as it was before pullgate closed the repository.
    unlock: foreign.place,
    async reportFields(digest) {
      const filterCriteria = {
        ecrImageRepositoryName: [{ comparison: 'EQUALS' as const, value: repository }],
        ecrImageHash: [{ comparison: 'EQUALS' as const, value: digest }],
      };
      const { findings: [finding] = [] } = await sdk.inspector.send(new ListFindingsCommand({ filterCriteria }));
      return fieldsOf(finding ?? {});
    },
    async lastPulledAt(digest) {
      const request = { ...named, imageIds: [{ imageDigest: digest }] };
      const { imageDetails: [image] = [] } = await ecr.send(new DescribeImagesCommand(request));
      return image?.lastRecordedPullTime?.toISOString();
    },
    unknowns: (measures) => unknownsOf(measures, foreign.isAsWritten(), stack),
  };
}

/**
 * The registry's own API, for container clients. A token is valid for 12 hours, which a run may exceed, so each push
 * and each pull has its own.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html
 */
function askWithToken(ecr: Sdk['ecr']): AskRegistry {
  let login: { readonly endpoint: string; readonly authorization: string } | undefined;
  return async (method, path, content) => {
    if (login === undefined) {
      const { authorizationData: [data] = [] } = await ecr.send(new GetAuthorizationTokenCommand({}));
      if (data?.proxyEndpoint === undefined || data.authorizationToken === undefined)
        throw new Error('ECR gave no token for its registry');
      login = { endpoint: data.proxyEndpoint, authorization: `Basic ${data.authorizationToken}` };
    }
    const { endpoint, authorization } = login;
    const type = content === undefined ? {} : { 'content-type': content.type };
    const headers = { authorization, accept: `${MANIFEST}, */*`, ...type };
    const body = content === undefined ? {} : { body: new Uint8Array(content.body) };
    // A layer is answered with a redirection to S3. `fetch` does not send the login to another host.
    return fetch(new URL(path, endpoint), { method, headers, ...body });
  };
}

/** A statement that grants nothing new, because the account may describe its own repository. The spacing is unusual. */
function foreignStatement(
  { ecr, ecrOnce }: Sdk,
  named: { readonly registryId: string; readonly repositoryName: string },
  partition: string,
) {
  const principal = `"arn:${partition}:iam::${named.registryId}:root"`;
  const statement = `{ "Sid" :"PullgateProveForeign",  "Effect":"Allow", "Principal": {"AWS":${principal}},"Action":  "ecr:DescribeImages" }`;
  const policyText = `{"Version":"2012-10-17",\n "Statement":[ ${statement} ]}`;
  let kept: string | undefined;
  const read = async () => (await ecr.send(new GetRepositoryPolicyCommand(named))).policyText ?? '';
  return {
    what: 'a statement of the repository policy',
    async place() {
      await ecrOnce.send(new SetRepositoryPolicyCommand({ ...named, policyText }));
      kept ??= await read();
    },
    async difference() {
      const now = await read();
      // If ECR returns a policy in another form than it was written, its own form counts.
      const [first] = parseRepositoryPolicy(kept)?.statements ?? [];
      const text = kept?.slice(first?.node.offset, (first?.node.offset ?? 0) + (first?.node.length ?? 0));
      return text !== undefined && text !== '' && now.includes(text) ? undefined : `expected ${text} in ${now}`;
    },
    isAsWritten: () => (kept === undefined ? undefined : kept === policyText),
  };
}

function unknownsOf(
  measures: Measures,
  isAsWritten: boolean | undefined,
  { region, accountId }: AwsStack,
): readonly Unknown[] {
  return [
    eventUnknown(measures),
    scanUnknown(measures),
    refusalUnknown(measures),
    policyUnknown(isAsWritten),
    pullUnknown(measures),
    {
      question: 'Does a refused pull reach CloudTrail?',
      settled: false,
      answer: `pullgate does not read CloudTrail. Some minutes later, run: aws cloudtrail lookup-events --region ${region} --start-time ${measures.refusedAt ?? 'START'} --lookup-attributes AttributeKey=EventName,AttributeValue=BatchGetImage (account ${accountId}; look for errorCode)`,
    },
    fieldsUnknown("Inspector's finding", measures),
  ];
}

function scanUnknown({ scanWhileClosed, problems }: Measures): Unknown {
  const question = 'Does Inspector scan an image in a repository that the Deny closes?';
  if (scanWhileClosed === undefined) return notMeasured(question, problems?.scanWhileClosed);
  const { at, detail } = scanWhileClosed;
  if (at !== undefined) return { question, settled: true, answer: `yes: ${detail}` };
  // Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_ScanStatus.html
  if (detail.includes('ACCESS_DENIED')) return { question, settled: true, answer: `no: ${detail}` };
  return { question, settled: false, answer: detail };
}

function policyUnknown(isAsWritten: boolean | undefined): Unknown {
  const question = 'Does ECR return a repository policy byte for byte as it was written?';
  return isAsWritten === undefined
    ? notMeasured(question)
    : { question, settled: true, answer: isAsWritten ? 'yes' : 'no' };
}

/** The recorded time is exact only to a day, so its absence after seconds proves nothing. */
function pullUnknown({ pulledAt, problems }: Measures): Unknown {
  const question = 'Does ECR record a refused pull as a pull?';
  if (pulledAt === undefined) return notMeasured(question, problems?.pulledAt);
  const { before, after } = pulledAt;
  if (after !== undefined && after !== before)
    return { question, settled: true, answer: `yes: lastRecordedPullTime is ${after} after the refused pull` };
  const why =
    before === undefined
      ? 'there is no lastRecordedPullTime right after it'
      : `lastRecordedPullTime was ${before} before and after it, by the scanner`;
  return { question, settled: false, answer: `${why}, and ECR may record a pull up to 24 hours later` };
}
