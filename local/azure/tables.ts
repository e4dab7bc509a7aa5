// The tables of a Log Analytics workspace that Defender for Cloud and registries fill: their documented columns and
// their rows.

/**
 * The Kusto column types of the tables.
 * Source: https://learn.microsoft.com/en-us/kusto/query/scalar-data-types/
 */
export type ColumnType = 'string' | 'datetime' | 'bool' | 'dynamic' | 'int';

/** A cell: a datetime is in milliseconds since the epoch, dynamic is a JSON value, and text is never null. */
export type Cell = Json;
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Row = Readonly<Record<string, Cell>>;

export type TableName = keyof typeof TABLES;

export const TABLES = {
  /** Source: https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/securityrecommendation */
  SecurityRecommendation: {
    AssessedResourceId: 'string',
    Description: 'string',
    DiscoveredTimeUTC: 'datetime',
    Environment: 'string',
    FirstEvaluationDate: 'datetime',
    IsSnapshot: 'bool',
    Properties: 'dynamic',
    RecommendationAdditionalData: 'dynamic',
    RecommendationDisplayName: 'string',
    RecommendationId: 'string',
    RecommendationName: 'string',
    RecommendationSeverity: 'string',
    RecommendationState: 'string',
    ResolvedTimeUTC: 'datetime',
    StatusChangeDate: 'datetime',
    TimeGenerated: 'datetime',
  },
  /** Source: https://learn.microsoft.com/en-us/azure/azure-monitor/reference/tables/securitynestedrecommendation */
  SecurityNestedRecommendation: {
    AdditionalData: 'dynamic',
    AssessedResourceId: 'string',
    Category: 'string',
    Cause: 'string',
    Description: 'string',
    Id: 'string',
    IsSnapshot: 'bool',
    NestedRecommendationId: 'string',
    ParentRecommendationId: 'string',
    RecommendationLink: 'string',
    RecommendationName: 'string',
    RecommendationSeverity: 'string',
    RecommendationState: 'string',
    RecommendationSubscriptionId: 'string',
    ResourceDetails: 'dynamic',
    ResourceGroup: 'string',
    TimeGenerated: 'datetime',
    VulnerabilityId: 'string',
  },
  /** Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerregistryrepositoryevents */
  ContainerRegistryRepositoryEvents: {
    ArtifactType: 'string',
    CallerIpAddress: 'string',
    Category: 'string',
    CorrelationId: 'string',
    Digest: 'string',
    DurationMs: 'string',
    Identity: 'string',
    LoginServer: 'string',
    MediaType: 'string',
    OperationName: 'string',
    Region: 'string',
    Repository: 'string',
    ResultDescription: 'string',
    ResultType: 'string',
    Size: 'int',
    Tag: 'string',
    TimeGenerated: 'datetime',
    UserAgent: 'string',
    UserTenantId: 'string',
    _ResourceId: 'string',
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnType>>>>;

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

/** A row with every column of its table. Columns without a value are null or empty text. */
export function rowOf(table: TableName, given: Row): Row {
  const columns: Readonly<Record<string, ColumnType>> = TABLES[table];
  const unknown = Object.keys(given).filter((name) => !(name in columns));
  if (unknown.length > 0)
    throw new Error(`${table} has no column ${unknown.join(', ')}: it has ${Object.keys(columns)}`);
  return Object.fromEntries(
    Object.entries(columns).map(([name, type]) => [name, given[name] ?? (type === 'string' ? '' : null)]),
  );
}
