// The samples of the providers for the tests in this folder: with valid ids and digests, as messages of the queue, and
// as rows of the workspace.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../../../azure/function/assessments.ts';
import type { Json, Row as TableRow } from '../../../local/azure/tables.ts';

export const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';
/** The registry of the synthetic sample. */
export const REGISTRY = { subscription: SUBSCRIPTION, resourceGroup: 'rg', name: 'myacr' } as const;
export const REGISTRY_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myacr`;
/** The synthetic sample has only 32 digits, which is not a digest. They are repeated to 64. */
export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const ASSESSMENT = '11111111-1111-1111-1111-111111111111';
export const ASSESSMENT_ID = `${REGISTRY_ID}/providers/Microsoft.Security/assessments/${ASSESSMENT}`;
export const GROUPED_DIGEST = 'sha256:7f107db187ff32acfbc47eaa262b44d13d725f14dd08669a726a81fba87a12d6';
export const GROUPED_REPOSITORY = 'public/azureml/aifx/stable-ubuntu2004-cu116-py39-torch1121';
export const GROUPED_ASSESSMENT = '3f069764-2777-3731-9698-c87f23569a1d';
export const AT = Date.parse('2026-03-02T08:00:00.000Z');

type Fields = Readonly<Record<string, Json>>;

export function sample(name: string): Fields {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../events/azure', `${name}.json`), 'utf8'));
}

/** The value at a path of a sample. */
export function at(value: Json | undefined, ...path: readonly (string | number)[]): Json {
  let found: unknown = value;
  for (const key of path) found = Reflect.get(Object(found), key);
  if (found === undefined) throw new Error(`the sample has nothing at ${path.join('.')}`);
  return found as Json;
}

const INDIVIDUAL = at(sample('assessment-container-image.synthetic'), 'properties');
const [GROUPED] = at(sample('subassessment-list-2024'), 'value') as [Fields];

/** Details of the synthetic sample: one package. */
export const DETAILS = at(INDIVIDUAL, 'additionalData') as Fields;
/** The only CVE in these details. */
export const CVE = at(DETAILS, 'CvesDetails', 0) as Fields;
/** A CVE in the form of Azure Resource Graph: other keys, and CVSS as an object. */
export const GRAPH_CVE = sample('cve-details');
/** Details of the documentation's sub-assessment. */
export const GROUPED_DETAILS = at(GROUPED, 'properties', 'additionalData') as Fields;

/** The Logic App's message for the synthetic sample, whose own id and resource are partly placeholders. */
export function individualMessage(changes: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    assessment: ASSESSMENT_ID,
    ...resource(`${REGISTRY_ID}/repositories/team/app/images/${DIGEST}`),
    ...additional({ RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST }),
    ...action('Insert'),
    ...changes,
  };
}

/** The Logic App's message for the documentation's sub-assessment. */
export function groupedMessage(changes: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return {
    assessment: String(at(GROUPED, 'id')).replace('{SubscriptionID}', SUBSCRIPTION),
    resourceDetails: JSON.stringify(at(GROUPED, 'properties', 'resourceDetails')),
    resourceAdditionalData: '',
    ...action('Insert'),
    ...changes,
  };
}

/** The part of a message that names the assessed resource. */
export function resource(id: unknown, type = '.containerimage') {
  return { resourceDetails: JSON.stringify({ Source: 'Azure', ResourceType: type, Id: id }) };
}

/** The part of a message that names the image. */
export function additional(details: unknown) {
  return { resourceAdditionalData: JSON.stringify(details) };
}

/** The part of a message that names the action on the assessment. */
export function action(word: unknown) {
  return { assessmentEventDataEnrichment: JSON.stringify({ action: word, isSnapshot: false }) };
}

/** The synthetic sample as a row of the query. */
export function individualRow(changes: Row = {}): Row {
  return {
    TimeGenerated: new Date(AT),
    AssessmentId: ASSESSMENT_ID,
    Resource: REGISTRY_ID,
    RegistryName: 'myacr',
    RegistryHost: '',
    ContainerRepo: 'team/app',
    ImageDigest: DIGEST,
    State: 'Unhealthy',
    Severity: 'High',
    Title: 'Update openssl',
    Properties: { resourceAdditionalData: { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: DIGEST } },
    Details: DETAILS,
    ...changes,
  };
}

/** The documentation's sub-assessment as a row of the query. Its state is NotApplicable. */
export function groupedRow(changes: Row = {}): Row {
  return {
    TimeGenerated: new Date(AT),
    AssessmentId: groupedMessage()['assessment'],
    Resource: '',
    RegistryName: 'ptebic',
    RegistryHost: 'ptebic.azurecr.io',
    ContainerRepo: GROUPED_REPOSITORY,
    ImageDigest: GROUPED_DIGEST,
    State: at(GROUPED, 'properties', 'status', 'code'),
    Cause: at(GROUPED, 'properties', 'status', 'cause'),
    Severity: at(GROUPED, 'properties', 'status', 'severity'),
    Title: at(GROUPED, 'properties', 'displayName'),
    Properties: at(GROUPED, 'properties', 'resourceDetails'),
    Details: GROUPED_DETAILS,
    ...changes,
  };
}

/** The synthetic sample as a row of SecurityRecommendation. */
export function individualTableRow(changes: TableRow = {}): TableRow {
  return {
    TimeGenerated: AT,
    RecommendationId: ASSESSMENT_ID,
    AssessedResourceId: REGISTRY_ID,
    RecommendationState: 'Unhealthy',
    RecommendationSeverity: 'High',
    RecommendationDisplayName: 'Update openssl',
    Properties: imageProperties('team/app', DIGEST),
    RecommendationAdditionalData: DETAILS,
    ...changes,
  };
}

export function imageProperties(repository: string, digest: string): Json {
  return { resourceAdditionalData: { RepositoryDetails: { RepositoryName: repository }, Digest: digest } };
}

/** The documentation's sub-assessment as a row of SecurityNestedRecommendation. */
export function groupedTableRow(changes: TableRow = {}): TableRow {
  const id = String(groupedMessage()['assessment']);
  return {
    TimeGenerated: AT,
    NestedRecommendationId: id,
    AssessedResourceId: id.slice(0, id.indexOf('/providers/Microsoft.Security')),
    RecommendationState: String(groupedRow()['State']),
    Cause: String(groupedRow()['Cause']),
    RecommendationSeverity: String(groupedRow()['Severity']),
    RecommendationName: 'CVE-2021-39537',
    ResourceDetails: at(GROUPED, 'properties', 'resourceDetails'),
    AdditionalData: GROUPED_DETAILS,
    ...changes,
  };
}

/** The documented example of a push in Event Grid, with another target. */
const pushed = (target: Readonly<Record<string, unknown>>) => ({
  id: '31c51664-e5bd-416a-a5df-e5206bc47ed0',
  timestamp: '2018-04-25T21:39:47.276585742Z',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 3023,
    length: 3023,
    digest: DIGEST,
    repository: 'team/app',
    tag: 'v1',
    ...target,
  },
  request: { id: '7c66f28b', host: 'myacr.azurecr.io', method: 'PUT', useragent: 'docker/18.03.0-ce' },
});
export const cloudEvent = (
  target: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
) => ({
  id: '831e1650-001e-001b-66ab-eeb76e069631',
  source: REGISTRY_ID,
  subject: 'team/app:v1',
  type: 'Microsoft.ContainerRegistry.ImagePushed',
  time: '2018-04-25T21:39:47.6549614Z',
  data: pushed(target),
  specversion: '1.0',
  ...more,
});
export const eventGridEvent = (
  target: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
) => ({
  id: '831e1650-001e-001b-66ab-eeb76e069631',
  topic: REGISTRY_ID,
  subject: 'team/app:v1',
  eventType: 'Microsoft.ContainerRegistry.ImagePushed',
  eventTime: '2018-04-25T21:39:47.6549614Z',
  data: pushed(target),
  dataVersion: '1.0',
  metadataVersion: '1',
  ...more,
});
