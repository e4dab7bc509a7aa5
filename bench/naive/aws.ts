// The naive design on AWS, for comparison: one invocation and one policy write per finding event, without records,
// grouping or notices.
import {
  ECRClient,
  GetRepositoryPolicyCommand,
  RepositoryPolicyNotFoundException,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import type { SQSEvent } from 'aws-lambda';

/** The fields of an event that are read. */
interface FindingEvent {
  readonly detail?: {
    readonly status?: string;
    readonly resources?: readonly {
      readonly details?: { readonly awsEcrContainerImage?: { readonly repositoryName?: string } };
    }[];
  };
}

interface Policy {
  readonly Version: string;
  readonly Statement: readonly { readonly Sid?: string }[];
}

const STATEMENT = {
  Sid: 'PullgateNaive',
  Effect: 'Deny',
  Principal: '*',
  Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
};
const client = new ECRClient({});

/** The Lambda handler, which receives one event at a time. */
export async function handler({ Records: records }: SQSEvent): Promise<void> {
  for (const { body } of records) {
    const { detail }: FindingEvent = JSON.parse(body);
    const repositoryName = detail?.resources?.[0]?.details?.awsEcrContainerImage?.repositoryName;
    if (detail?.status === 'ACTIVE' && repositoryName !== undefined) await close(repositoryName);
  }
}

/** Existing statements are kept. Dropping them would save a read, but would be wrong. */
async function close(repositoryName: string): Promise<void> {
  const { Version, Statement } = await policyOf(repositoryName);
  const others = Statement.filter(({ Sid }) => Sid !== STATEMENT.Sid);
  const policyText = JSON.stringify({ Version, Statement: [...others, STATEMENT] });
  await client.send(new SetRepositoryPolicyCommand({ repositoryName, policyText }));
}

async function policyOf(repositoryName: string): Promise<Policy> {
  try {
    const { policyText } = await client.send(new GetRepositoryPolicyCommand({ repositoryName }));
    return JSON.parse(policyText ?? '');
  } catch (error) {
    if (error instanceof RepositoryPolicyNotFoundException) return { Version: '2012-10-17', Statement: [] };
    throw error;
  }
}
