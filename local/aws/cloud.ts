// AWS on one machine: the deployed artefacts of a resource graph, and the services that they call, behind one loopback port.
import type { Graph } from '../graph.ts';
import type { Clock } from '../clock.ts';
import type { Calls } from './calls.ts';
import type { Ecr } from './ecr.ts';
import type { Bus } from './events.ts';
import type { Faults } from './faults.ts';
import type { Inspector } from './inspector.ts';
import type { Invocation, LambdaHost, LogLine } from './lambda.ts';
import type { OciClient } from './oci-client.ts';
import type { Place } from './place.ts';
import type { Credentials, Principals } from './principals.ts';
import type { NoticeSent } from './sns.ts';
import type { Queue } from './sqs.ts';

/** What one Pulumi stack has deployed. */
export interface Stack {
  /** The queue that feeds the function. */
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly lambda: LambdaHost;
  /** The function's log, line by line, in order. */
  readonly logs: LogLine[];
}

export interface LocalAws extends Stack {
  /** `http://127.0.0.1:PORT`: the SDKs' AWS_ENDPOINT_URL, and the registry's host. */
  readonly endpoint: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly ecr: Ecr;
  readonly inspector: Inspector;
  readonly bus: Bus;
  readonly calls: Calls;
  readonly faults: Faults;
  readonly principals: Principals;
  /** What was published to any topic, in order. */
  readonly notices: NoticeSent[];
  /** A stack that was deployed. `queue`, `lambda`, ... of the cloud itself are those of the stack `main`. */
  stack(name: string): Stack;
  /** Deploys a graph over what the stack has (`main` by default): new code, settings, rules and rights; the data stays. Another name is another stack of the same account. */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Hands visible messages to the functions until there are none.
   * With `advance` it then moves the clock to where the next message becomes visible, and goes on, until all queues but the dead-letter queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock, firing the schedules and handing over the messages that fall due on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /** What an SDK client, the AWS CLI or a child process needs to call this cloud as somebody: `new ECRClient(cloud.clientConfig(credentials))`. */
  clientConfig(credentials: Credentials): { readonly endpoint: string; readonly region: string; readonly credentials: Credentials };
  environment(credentials: Credentials): Record<string, string>;
  /** A container client that logs in as somebody. */
  oci(credentials: Credentials): OciClient;
  stop(): Promise<void>;
}

export interface AwsOptions {
  /** Default: a virtual clock. */
  readonly clock?: Clock;
}
