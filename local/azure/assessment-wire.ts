// The two outputs of an assessment: the resource in ARM, and the row in a Log Analytics workspace.
import { type Assessment, causeOf, GROUPED_KEY, isNamed, subscriptionOf } from './assessment.ts';
import { groupedProperties } from './assessment-grouped.ts';
import { individualProperties } from './assessment-individual.ts';
import type { Json, Row } from './tables.ts';

/** The resource in ARM's format, as in tests/events/azure. */
export function armObject(assessment: Assessment): { readonly id: string; readonly [key: string]: Json } {
  const { id, shape } = assessment;
  const isGrouped = shape === 'grouped';
  return {
    type: isGrouped ? 'Microsoft.Security/assessments/subAssessments' : 'Microsoft.Security/assessments',
    id,
    name: lastOf(id),
    properties: isGrouped ? groupedProperties(assessment) : individualProperties(assessment),
  };
}

/**
 * The row of an event in the workspace. Only the names and types of the columns document which part of the assessment
 * each one holds.
 *
 * @param time of the event, in milliseconds since the epoch
 */
export function rowOfAssessment(assessment: Assessment, time: number, isSnapshot: boolean): Row {
  return {
    RecommendationState: assessment.status,
    RecommendationSeverity: assessment.severity,
    AssessedResourceId: isNamed(assessment) ? assessment.registry : subscriptionOf(assessment),
    IsSnapshot: isSnapshot,
    TimeGenerated: time,
    ...(assessment.shape === 'grouped' ? groupedColumns(assessment) : individualColumns(assessment, time)),
  };
}

function groupedColumns(assessment: Assessment): Row {
  const { id, registry } = assessment;
  const properties = groupedProperties(assessment);
  return {
    NestedRecommendationId: id,
    ParentRecommendationId: GROUPED_KEY,
    RecommendationName: String(properties['displayName']),
    Id: lastOf(id),
    VulnerabilityId: String(properties['id']),
    Cause: causeOf(assessment),
    RecommendationSubscriptionId: registry.split('/')[2] ?? '',
    ResourceGroup: registry.split('/')[4] ?? '',
    ResourceDetails: properties['resourceDetails'] ?? null,
    AdditionalData: properties['additionalData'] ?? null,
  };
}

function individualColumns(assessment: Assessment, time: number): Row {
  const { id, firstSeenAt } = assessment;
  const { additionalData = null, ...rest } = individualProperties(assessment);
  return {
    // The bare key, which Microsoft's own playbooks join on (Azure/Microsoft-Defender-for-Cloud).
    RecommendationId: lastOf(id),
    RecommendationName: lastOf(id),
    RecommendationDisplayName: String(rest['displayName']),
    Environment: 'Azure',
    DiscoveredTimeUTC: firstSeenAt.getTime(),
    FirstEvaluationDate: firstSeenAt.getTime(),
    StatusChangeDate: time,
    Properties: rest,
    RecommendationAdditionalData: additionalData,
  };
}

function lastOf(id: string): string {
  return id.split('/').at(-1) ?? id;
}
