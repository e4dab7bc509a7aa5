// The built-in roles that pullgate, the story and the tests use, with their actions as documented. Sources:
// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers, .../storage, .../monitor,
// .../general
import type { RoleDefinition } from './role-definition.ts';

const REPOSITORIES = 'Microsoft.ContainerRegistry/registries/repositories';
const QUEUES = 'Microsoft.Storage/storageAccounts/queueServices/queues';
const TABLES = 'Microsoft.Storage/storageAccounts/tableServices/tables';
const CONTAINERS = 'Microsoft.Storage/storageAccounts/blobServices/containers';

/** Actions that the role excludes. */
const none: readonly string[] = [];

function role(id: string, name: string, actions: readonly string[], dataActions: readonly string[] = none) {
  return { id, name, permissions: [{ actions, dataActions }] };
}

export const BUILT_IN_ROLES: readonly RoleDefinition[] = [
  role('8e3af657-a8ff-443c-a75c-2fe8c4bcb635', 'Owner', ['*']),
  {
    id: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
    name: 'Contributor',
    permissions: [
      {
        actions: ['*'],
        notActions: [
          'Microsoft.Authorization/*/Delete',
          'Microsoft.Authorization/*/Write',
          'Microsoft.Authorization/elevateAccess/Action',
        ],
        dataActions: none,
      },
    ],
  },
  role('acdd72a7-3385-48ef-bd42-f606fba81ae7', 'Reader', ['*/read']),

  // In legacy mode, control-plane actions authorize access to a registry's content.
  role('7f951dda-4ed3-4680-a7ca-43fe172d538d', 'AcrPull', ['Microsoft.ContainerRegistry/registries/pull/read']),
  role('8311e382-0749-4cb8-b61a-304f252e45ec', 'AcrPush', [
    'Microsoft.ContainerRegistry/registries/pull/read',
    'Microsoft.ContainerRegistry/registries/push/write',
  ]),
  role('c2f4ef07-c644-48eb-af81-4b1b4947fb11', 'AcrDelete', [
    'Microsoft.ContainerRegistry/registries/artifacts/delete',
  ]),
  // In ABAC mode, data-plane actions authorize it.
  role('b93aa761-3e63-49ed-ac28-beffa264f7ac', 'Container Registry Repository Reader', none, [
    `${REPOSITORIES}/metadata/read`,
    `${REPOSITORIES}/content/read`,
  ]),
  role('2a1e307c-b015-4ebd-883e-5b7698a07328', 'Container Registry Repository Writer', none, [
    ...['metadata/read', 'content/read', 'metadata/write', 'content/write'].map((end) => `${REPOSITORIES}/${end}`),
  ]),
  role('2efddaa5-3f1f-4df3-97df-af3f13818f4c', 'Container Registry Repository Contributor', none, [
    ...['metadata/read', 'content/read', 'metadata/write', 'content/write', 'metadata/delete', 'content/delete'].map(
      (end) => `${REPOSITORIES}/${end}`,
    ),
  ]),

  role('bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7', 'Container Registry Repository Catalog Lister', none, [
    'Microsoft.ContainerRegistry/registries/catalog/read',
  ]),

  // https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security#security-reader
  role('39bc4728-0917-49c7-9d2c-d95423bc2eb4', 'Security Reader', [
    'Microsoft.Authorization/*/read',
    'Microsoft.Insights/alertRules/read',
    'Microsoft.operationalInsights/workspaces/*/read',
    'Microsoft.Resources/deployments/*/read',
    'Microsoft.Resources/subscriptions/resourceGroups/read',
    'Microsoft.Security/*/read',
    'Microsoft.IoTSecurity/*/read',
    'Microsoft.Support/*/read',
    'Microsoft.Management/managementGroups/read',
  ]),
  {
    id: '73c42c96-874c-492b-b04d-ab87d138a893',
    name: 'Log Analytics Reader',
    permissions: [
      {
        actions: [
          '*/read',
          'Microsoft.OperationalInsights/workspaces/analytics/query/action',
          'Microsoft.OperationalInsights/workspaces/search/action',
          'Microsoft.Support/*',
        ],
        notActions: ['Microsoft.OperationalInsights/workspaces/sharedKeys/read'],
        dataActions: none,
      },
    ],
  },
  role(
    '3913510d-42f4-4e42-8a64-420c390055eb',
    'Monitoring Metrics Publisher',
    [
      'Microsoft.Insights/Register/Action',
      'Microsoft.Support/*',
      'Microsoft.Resources/subscriptions/resourceGroups/read',
    ],
    ['Microsoft.Insights/Metrics/Write', 'Microsoft.Insights/Telemetry/Write'],
  ),

  role(
    'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
    'Storage Blob Data Owner',
    [`${CONTAINERS}/*`, 'Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action'],
    [`${CONTAINERS}/blobs/*`],
  ),
  role(
    '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
    'Storage Queue Data Contributor',
    [`${QUEUES}/delete`, `${QUEUES}/read`, `${QUEUES}/write`],
    [
      `${QUEUES}/messages/delete`,
      `${QUEUES}/messages/read`,
      `${QUEUES}/messages/write`,
      `${QUEUES}/messages/process/action`,
    ],
  ),
  role('8a0f0c08-91a1-4084-bc3d-661d67233fed', 'Storage Queue Data Message Processor', none, [
    `${QUEUES}/messages/read`,
    `${QUEUES}/messages/process/action`,
  ]),
  role('c6a89b2d-59bc-44d0-9896-0f6e12d7b80a', 'Storage Queue Data Message Sender', none, [
    `${QUEUES}/messages/add/action`,
  ]),
  role(
    '19e7f393-937e-4f77-808e-94535e297925',
    'Storage Queue Data Reader',
    [`${QUEUES}/read`],
    [`${QUEUES}/messages/read`],
  ),
  role(
    '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
    'Storage Table Data Contributor',
    [`${TABLES}/read`, `${TABLES}/write`, `${TABLES}/delete`],
    [
      `${TABLES}/entities/read`,
      `${TABLES}/entities/write`,
      `${TABLES}/entities/delete`,
      `${TABLES}/entities/add/action`,
      `${TABLES}/entities/update/action`,
    ],
  ),
  role(
    '76199698-9eea-4c19-bc75-cec21354c6b6',
    'Storage Table Data Reader',
    [`${TABLES}/read`],
    [`${TABLES}/entities/read`],
  ),

  role('09976791-48a7-449e-bb21-39d1a415f350', 'Communication and Email Service Owner', [
    'Microsoft.Communication/CommunicationServices/*',
    'Microsoft.Communication/EmailServices/*',
  ]),
];
