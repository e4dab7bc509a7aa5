// The SDK's clients, with the patience that a function has: retries with backoff, and no call that hangs for the whole
// invocation.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';

export interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly ecr: ECRClient;
  /** Tries once: for what must not be repeated blindly. */
  readonly ecrOnce: ECRClient;
  readonly inspector: Inspector2Client;
  readonly sns: SNSClient;
  readonly sqs: SQSClient;
}

/** Includes the first try. Between two tries the SDK waits up to 20 seconds, longer each time. */
const MAX_ATTEMPTS = 8;
const CONNECTION_TIMEOUT_MILLISECONDS = 3_000;
const REQUEST_TIMEOUT_MILLISECONDS = 15_000;

/**
 * The clients of one worker. Region (if none is given), credentials and endpoint come from the environment, as the
 * SDK reads them.
 *
 * @param onCall is told the service of every call, each repetition too
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
    // The innermost step of those that a retry goes through again.
    client.middlewareStack.add(
      (next) => (args) => {
        onCall(service);
        return next(args);
      },
      { name: 'pullgateUsage', step: 'finalizeRequest', priority: 'low' },
    );
    return client;
  };
  return {
    dynamodb: counted('dynamodb', new DynamoDBClient(config)),
    ecr: counted('ecr', new ECRClient(config)),
    ecrOnce: counted('ecr', new ECRClient({ ...config, maxAttempts: 1 })),
    inspector: counted('inspector', new Inspector2Client(config)),
    sns: counted('sns', new SNSClient(config)),
    // The queue's URL would otherwise overrule the endpoint of the environment.
    sqs: counted('sqs', new SQSClient({ ...config, useQueueUrlAsEndpoint: false })),
  };
}

/** As much of an SDK client as counting needs, of whichever service. */
interface Counted {
  readonly middlewareStack: {
    add(
      middleware: <A, O>(next: (args: A) => Promise<O>) => (args: A) => Promise<O>,
      options: { readonly name: string; readonly step: 'finalizeRequest'; readonly priority: 'low' },
    ): void;
  };
}
