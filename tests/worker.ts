// The parts of a worker in the test's own process: the settings of a deployed graph, and SDK clients for the local
// cloud.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { Clients } from '../aws/function/clients.ts';
import { parseStackSettings, type Settings, targetsIn } from '../aws/function/settings.ts';
import type { LocalAws } from '../local/aws/cloud.ts';
import type { Credentials } from '../local/aws/principals.ts';
import type { Graph } from '../local/graph.ts';

/** The settings of the deployed function, from the graph's outputs. */
export function settingsOf({ outputs }: Graph): Settings {
  const {
    settings,
    changesTopicArn: topicArn,
    ...rest
  } = outputs['aws'] as Omit<Settings, 'topicArn'> & {
    settings: object;
    changesTopicArn: string;
  };
  return { ...rest, topicArn, targetOf: targetsIn({ topicArn }), ...parseStackSettings(JSON.stringify(settings)) };
}

/** The clients of a principal. */
export function clientsOf(cloud: LocalAws, credentials: Credentials): Clients {
  const config = cloud.clientConfig(credentials);
  return {
    dynamodb: new DynamoDBClient(config),
    ecr: new ECRClient(config),
    ecrOnce: new ECRClient({ ...config, maxAttempts: 1 }),
    inspector: new Inspector2Client(config),
    sns: new SNSClient(config),
    sqs: new SQSClient(config),
  };
}
