// The CloudWatch dashboard of a stack.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { dashboardBody, type Shown } from './dashboard-body.ts';

/** The resources that a dashboard shows. */
export interface Watched {
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
 * @param settings `dashboardName` must be unique in the account: dashboards have no region, and a second one with the
 *   same name would replace the first
 * @returns the URL of the dashboard
 */
export function createDashboard(
  name: string,
  settings: Pick<Shown, 'stack' | 'sweepHours' | 'maxClosesPerHour'> & { readonly dashboardName: string },
  watched: Watched,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { dashboardName, ...shown } = settings;
  const names = pulumi.output({
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
    JSON.stringify(dashboardBody({ ...shown, ...known, memorySize })),
  );
  new aws.cloudwatch.Dashboard(`${name}-dashboard`, { dashboardName, dashboardBody: dashboardBodyText }, { parent });
  return pulumi.all([watched.partition, watched.region]).apply(([partition, region]) => {
    const host = CONSOLES[partition] ?? 'console.aws.amazon.com';
    return `https://${host}/cloudwatch/home?region=${region}#dashboards/dashboard/${dashboardName}`;
  });
}

/**
 * The console hosts of partitions other than the commercial one.
 * Source: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
 */
const CONSOLES: Readonly<Record<string, string>> = {
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
};
