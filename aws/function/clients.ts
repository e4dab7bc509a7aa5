// The SDK clients, configured for a Lambda function: retries with backoff, a pace for services that throttle, and
// timeouts so that no call hangs for the whole invocation.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createPace } from './pace.ts';

export interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly ecr: ECRClient;
  /** Makes one attempt only, for calls that must not be repeated blindly. */
  readonly ecrOnce: ECRClient;
  readonly inspector: Inspector2Client;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
}

/** Includes the first attempt. The SDK waits longer before each retry, up to 20 seconds. */
const MAX_ATTEMPTS = 8;
const CONNECTION_TIMEOUT_MILLISECONDS = 3_000;
const REQUEST_TIMEOUT_MILLISECONDS = 15_000;

/**
 * Creates the clients of one worker. The SDK reads the credentials, the endpoint and, unless it is given, the region
 * from the environment.
 *
 * @param onCall called with the name of the service for every call, including retries
 */
export function createClients(region?: string, onCall: (service: string) => void = () => {}): Clients {
  const config = {
    ...(region === undefined ? {} : { region }),
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MILLISECONDS,
      requestTimeout: REQUEST_TIMEOUT_MILLISECONDS,
      throwOnRequestTimeout: true,
    },
  };
  const counted = <C extends Counted>(service: string, client: C): C => {
    // The innermost of the steps that run again for each retry.
    client.middlewareStack.add(
      (next) => (args) => {
        onCall(service);
        return next(args);
      },
      { name: 'pullgateUsage', step: 'finalizeRequest', priority: 'low' },
    );
    return client;
  };
  const paced = <C extends Counted>(client: C): C => {
    const pace = createPace();
    // Each attempt waits before it is signed, because a signature expires.
    client.middlewareStack.addRelativeTo((next) => (args) => pace.take(() => next(args)), {
      name: 'pullgatePace',
      relation: 'after',
      toMiddleware: 'retryMiddleware',
    });
    return client;
  };
  return {
    dynamodb: counted('dynamodb', new DynamoDBClient(config)),
    // The two services whose rate limits apply to the whole account.
    ecr: paced(counted('ecr', new ECRClient(config))),
    ecrOnce: counted('ecr', new ECRClient({ ...config, maxAttempts: 1 })),
    inspector: paced(counted('inspector', new Inspector2Client(config))),
    sns: counted('sns', new SNSClient(config)),
    // Otherwise the queue's URL would override the endpoint from the environment.
    sqs: counted('sqs', new SQSClient({ ...config, useQueueUrlAsEndpoint: false })),
  };
}

type Middleware = <A, O>(next: (args: A) => Promise<O>) => (args: A) => Promise<O>;

/** The part of an SDK client that counting and pacing need. All services share it. */
interface Counted {
  readonly middlewareStack: {
    add(
      middleware: Middleware,
      options: { readonly name: string; readonly step: 'finalizeRequest'; readonly priority: 'low' },
    ): void;
    addRelativeTo(
      middleware: Middleware,
      options: { readonly name: string; readonly relation: 'after'; readonly toMiddleware: string },
    ): void;
  };
}
