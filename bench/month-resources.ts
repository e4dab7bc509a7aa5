// What a stack's resources cost a month by existing: counted in the graph that the program registers. A resource type
// that is not listed is an error, so that a new one is not forgotten.
import type { Graph, GraphResource } from '../local/graph.ts';
import type { Counts } from './world.ts';

export const MONTH_DAYS = 30;
const MONTH_SECONDS = MONTH_DAYS * 24 * 60 * 60;

/** What all resources of one type are billed for by existing, by meter. */
type Standing = (resources: readonly GraphResource[]) => Counts;
/** By resource type. */
export type StandingByType = Readonly<Record<string, Standing>>;

/** It costs nothing by itself. */
const free: Standing = () => ({});
/** What is done with it is metered in `World.billed`, or with the stored bytes. */
const metered = free;
/** Some megabytes of code, less than a cent a month. */
const tiny = free;

const each =
  (meter: string): Standing =>
  (resources) => ({ [meter]: resources.length });

/**
 * Lambda polls a queue with five connections, and each poll of an empty queue waits for at most 20 seconds.
 * Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html,
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
 */
export const EMPTY_POLLS_A_MONTH = (5 * MONTH_SECONDS) / 20;

export const AWS_STANDING: StandingByType = {
  'pullgate:index:EcrPullGate': free,
  'aws:cloudwatch/dashboard:Dashboard': each('CloudWatch dashboards'),
  // Events of AWS services and schedules on the default bus are free: https://aws.amazon.com/eventbridge/pricing/
  'aws:cloudwatch/eventRule:EventRule': free,
  'aws:cloudwatch/eventTarget:EventTarget': free,
  'aws:cloudwatch/logGroup:LogGroup': metered,
  // Two filters may write one metric.
  'aws:cloudwatch/logMetricFilter:LogMetricFilter': (filters) => ({
    'CloudWatch metrics of the log': new Set(
      filters.map(({ inputs }) => textAt(inputs, 'metricTransformation', 'name')),
    ).size,
  }),
  'aws:cloudwatch/metricAlarm:MetricAlarm': each('CloudWatch alarms'),
  'aws:dynamodb/table:Table': metered,
  'aws:iam/role:Role': free,
  'aws:iam/rolePolicy:RolePolicy': free,
  'aws:kms/alias:Alias': free,
  'aws:kms/key:Key': each('KMS keys'),
  'aws:lambda/eventSourceMapping:EventSourceMapping': (mappings) => ({
    'SQS requests': EMPTY_POLLS_A_MONTH * mappings.length,
  }),
  'aws:lambda/function:Function': metered,
  'aws:sns/topic:Topic': metered,
  'aws:sns/topicPolicy:TopicPolicy': free,
  'aws:sns/topicSubscription:TopicSubscription': metered,
  'aws:sqs/queue:Queue': metered,
  'aws:sqs/queuePolicy:QueuePolicy': free,
};

/**
 * The calls of the Functions host and of the platform to storage, at rest: locks, leases and polls of the queue, which
 * are 260,000 a month at an interval of ten seconds. An estimate: the local host does not make them.
 */
export const HOST_TRANSACTIONS_A_MONTH = 1_000_000;

export const AZURE_STANDING: StandingByType = {
  'pullgate:index:AcrPullGate': free,
  'azure-native:applicationinsights:Component': metered,
  'azure-native:applicationinsights:Workbook': free,
  'azure-native:authorization:RoleAssignment': free,
  'azure-native:authorization:RoleDefinition': free,
  'azure-native:communication:CommunicationService': metered,
  'azure-native:communication:Domain': free,
  'azure-native:communication:EmailService': free,
  'azure-native:logic:Workflow': metered,
  'azure-native:managedidentity:UserAssignedIdentity': free,
  'azure-native:monitor:ActionGroup': free,
  'azure-native:monitor:ScheduledQueryRule': (rules) => {
    const minutes = rules.map(({ inputs }) => Number(/^PT(\d+)M$/.exec(textAt(inputs, 'evaluationFrequency'))?.[1]));
    const quick = minutes.filter((one) => one === 5).length;
    const slow = minutes.filter((one) => one >= 15).length;
    if (quick + slow < rules.length) throw new Error(`no price for alert rules that run every ${minutes} minutes`);
    return { 'alert rules, every 5 minutes': quick, 'alert rules, every 15 minutes or less often': slow };
  },
  'azure-native:operationalinsights:Workspace': metered,
  'azure-native:operationsmanagement:Solution': free,
  'azure-native:resources:Deployment': free,
  'azure-native:resources:DeploymentAtSubscriptionScope': free,
  'azure-native:resources:ResourceGroup': free,
  'azure-native:security:Automation': free,
  'azure-native:storage:Blob': tiny,
  'azure-native:storage:BlobContainer': tiny,
  'azure-native:storage:Queue': metered,
  'azure-native:storage:StorageAccount': tiny,
  'azure-native:storage:Table': metered,
  'azure-native:web:AppServicePlan': free,
  'azure-native:web:WebApp': (apps) => ({ 'storage transactions': HOST_TRANSACTIONS_A_MONTH * apps.length }),
};

/**
 * What the graph's resources cost by existing.
 *
 * @throws Error that names a resource type that has no entry
 */
export function standingOf({ resources }: Pick<Graph, 'resources'>, standing: StandingByType): readonly Counts[] {
  return [...Map.groupBy(resources, ({ type }) => type)].map(([type, ofType]) => {
    const meters = standing[type];
    if (meters === undefined)
      throw new Error(`the program makes ${type}: say in bench/month-resources.ts what it costs`);
    return meters(ofType);
  });
}

/**
 * How long the log is kept, in days.
 *
 * @throws Error if no resource says so
 */
export function retentionDaysOf({ resources }: Pick<Graph, 'resources'>): number {
  const days = resources.map(({ inputs }) => inputs['retentionInDays']).find((value) => typeof value === 'number');
  if (days === undefined) throw new Error('no resource of the program has retentionInDays');
  return days;
}

function textAt(inputs: unknown, ...path: readonly string[]): string {
  return String(path.reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)?.[key], inputs));
}
