// Notifications by mail: the service that sends them, its Azure-managed domain, and the role that may send.
import * as authorization from '@pulumi/azure-native/authorization/index.js';
import * as communication from '@pulumi/azure-native/communication/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Placement } from './placement.ts';
import type { RoleSpec } from './roles.ts';

export interface Mail {
  /** `https://HOST` */
  readonly endpoint: pulumi.Output<string>;
  /** The only address that an Azure-managed domain sends from. */
  readonly sender: pulumi.Output<string>;
  readonly role: RoleSpec;
}

/**
 * The permissions that an identity needs to send mail, on the Communication Service itself. The built-in role that
 * includes them may also read the service's keys and delete it.
 * Source:
 * https://learn.microsoft.com/azure/communication-services/quickstarts/email/send-email-smtp/smtp-authentication
 */
export const MAIL_ACTIONS = [
  'Microsoft.Communication/CommunicationServices/Read',
  'Microsoft.Communication/CommunicationServices/Write',
  'Microsoft.Communication/EmailServices/write',
] as const;

/** A Communication Service with a domain that Azure manages. */
export function createMail(name: string, placement: Placement, parent: pulumi.Resource): Mail {
  const { resourceGroupName, subscriptionId } = placement;
  const dataLocation = placement.location.apply(dataLocationOf);
  // Both services are global. Only their data has a location.
  const worldwide = { resourceGroupName, location: 'global', dataLocation };
  const emails = new communication.EmailService(`${name}-emails`, worldwide, { parent });
  const domain = new communication.Domain(
    `${name}-domain`,
    {
      resourceGroupName,
      location: 'global',
      emailServiceName: emails.name,
      domainName: 'AzureManagedDomain',
      domainManagement: 'AzureManaged',
    },
    { parent },
  );
  const service = new communication.CommunicationService(
    `${name}-mail`,
    { ...worldwide, linkedDomains: [domain.id], disableLocalAuth: true },
    { parent },
  );
  const scope = pulumi.interpolate`/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}`;
  const definition = new authorization.RoleDefinition(
    `${name}-mail-sender`,
    {
      // The name must be unique in the tenant.
      roleName: pulumi.interpolate`pullgate mail sender (${service.name})`,
      description: 'pullgate: sends mail, and nothing else',
      scope,
      assignableScopes: [scope],
      permissions: [{ actions: [...MAIL_ACTIONS], notActions: [], dataActions: [], notDataActions: [] }],
    },
    { parent },
  );
  return {
    endpoint: pulumi.interpolate`https://${service.hostName}`,
    sender: pulumi.interpolate`DoNotReply@${domain.mailFromSenderDomain}`,
    role: { name: 'mail', role: definition.id, scope: service.id },
  };
}

const DATA_LOCATIONS: readonly (readonly [region: RegExp, dataLocation: string])[] = [
  [/^uk/, 'UK'],
  [/^france/, 'France'],
  [/^germany/, 'Germany'],
  [/^norway/, 'Norway'],
  [/^switzerland/, 'Switzerland'],
  [/europe$|^sweden|^italy|^poland|^spain|^austria|^belgium|^denmark/, 'Europe'],
  [/^australia|^newzealand/, 'Australia'],
  [/^japan/, 'Japan'],
  [/^korea/, 'Korea'],
  [/india$/, 'India'],
  [/asia$|^indonesia|^malaysia|^taiwan/, 'Asia Pacific'],
  [/^brazil|^chile/, 'Brazil'],
  [/^canada/, 'Canada'],
  [/^uae/, 'UAE'],
  [/^southafrica/, 'Africa'],
];

/**
 * Where mail data is stored: near the stack's region, or in the United States if no nearer location is known.
 * Source: https://learn.microsoft.com/azure/communication-services/concepts/privacy#data-residency
 *
 * @param location a region, such as `westeurope` or `West Europe`
 */
export function dataLocationOf(location: string): string {
  const region = location.toLowerCase().replaceAll(' ', '');
  return DATA_LOCATIONS.find(([regions]) => regions.test(region))?.[1] ?? 'United States';
}
