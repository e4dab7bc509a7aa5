// The CloudWatch dashboard of a stack.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { dashboardBody, type Shown } from './dashboard-body.ts';

/** The resources that a dashboard shows. */
export interface Watched {
  /** The component's id, and the dashboard's name, which must be unique in the account: dashboards have no region. */
  readonly statementId: pulumi.Output<string>;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly lambda: aws.lambda.Function;
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
  readonly table: aws.dynamodb.Table;
  readonly topic: aws.sns.Topic;
  readonly alarms: readonly aws.cloudwatch.MetricAlarm[];
  readonly region: pulumi.Output<string>;
  readonly partition: pulumi.Output<string>;
}

/**
 * Creates the dashboard.
 *
 * @returns the URL of the dashboard
 */
export function createDashboard(
  name: string,
  settings: Pick<Shown, 'sweepHours' | 'maxClosesPerHour'>,
  watched: Watched,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { statementId: dashboardName } = watched;
  const names = pulumi.output({
    statementId: dashboardName,
    region: watched.region,
    logGroupName: watched.logGroup.name,
    functionName: watched.lambda.name,
    memorySize: watched.lambda.memorySize,
    queueName: watched.queue.name,
    deadLetterQueueName: watched.deadLetterQueue.name,
    tableName: watched.table.name,
    topicName: watched.topic.name,
    alarmArns: watched.alarms.map(({ arn }) => arn),
  });
  const dashboardBodyText = names.apply(({ memorySize = 0, ...known }) =>
    JSON.stringify(dashboardBody({ ...settings, ...known, memorySize })),
  );
  new aws.cloudwatch.Dashboard(`${name}-dashboard`, { dashboardName, dashboardBody: dashboardBodyText }, { parent });
  const host = watched.partition.apply((partition) => CONSOLES[partition] ?? 'console.aws.amazon.com');
  return pulumi.interpolate`https://${host}/cloudwatch/home?region=${watched.region}#dashboards/dashboard/${dashboardName}`;
}

/**
 * The console hosts of partitions other than the commercial one.
 * Source: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
 */
const CONSOLES: Readonly<Record<string, string>> = {
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};
