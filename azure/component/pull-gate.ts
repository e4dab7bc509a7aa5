// AcrPullGate: the Pulumi component that closes and opens images in the container registries of one subscription.
import * as pulumi from '@pulumi/pulumi';
import { accept } from '../../config/accept.ts';
import type {
  CveDetailsArgs,
  Granularity,
  PullGateArgs,
  PushEventsArgs,
  RegistryRoles,
  RepositoriesArgs,
  StorageRedundancy,
} from '../../config/args.ts';
import { checkAcrArgs, checkWorkspaceId } from '../../config/settings.ts';
import { createAlarms } from './alarms.ts';
import { bundleHandler } from './code.ts';
import { enableDefender } from './defender.ts';
import { createEvents } from './events.ts';
import { createFunction, createIdentity, createLog } from './function.ts';
import { createMail } from './mail.ts';
import { createResourceGroup, createWorkspace, findSubscription, type Placement, toId } from './placement.ts';
import { createPullLogs } from './pull-logs.ts';
import { createPushEvents } from './push-events.ts';
import { assignRole, createRegistryRole, detailsRole, functionRoles } from './roles.ts';
import { type AcrFunctionSettings, functionSettings } from './settings.ts';
import { createStores } from './storage.ts';
import { createWorkbook } from './workbook.ts';

/** The arguments of an `AcrPullGate`. Only `severityThreshold` and `registries` are required. */
export interface AcrPullGateArgs extends PullGateArgs {
  /**
   * The ARM ids of the registries that get gates. At least one, all in the subscription of the provider. Plain text,
   * because resource names are derived from them.
   * Example: `["/subscriptions/GUID/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/NAME"]`.
   */
  registries: string[];
  /** Which repositories of the registries have a gate. Default: all. Example: `{ include: ['team/**'] }`. */
  repositories?: RepositoriesArgs;
  /** What one gate covers: `image` for one manifest, `repository` for all images of a repository. Default: `image`. */
  granularity?: Granularity;
  /**
   * The registries' role mode: `rbac` if roles apply to whole registries, `abac` if to repositories. Default: `rbac`.
   */
  registryRoles?: RegistryRoles;
  /**
   * The ARM id of the Log Analytics workspace for findings and log lines. It must be in the same subscription and have
   * the SecurityCenterFree solution. Default: a workspace that the component creates.
   */
  workspaceId?: pulumi.Input<string> | undefined;
  /**
   * The ARM id of the subnet that the function runs in, so that it reaches registries behind private endpoints. The
   * subnet is in the function's region and is delegated to Microsoft.App/environments. Default: none.
   */
  subnetId?: string | undefined;
  /**
   * Enables the plans Defender for Containers and Foundational CSPM for the whole subscription. They stay enabled when
   * the component is deleted. Default: false.
   */
  enableDefender?: boolean;
  /**
   * Where the details of CVEs are read. Without them, CVEs inherit the severity of their recommendation. Default: none.
   * Example: `{ managementGroupId: 'platform' }`.
   */
  cveDetails?: CveDetailsArgs | undefined;
  /**
   * The registries' Event Grid system topics deliver pushes and deletions to the queue, so that a digest that is known
   * to be bad closes at its push, and a deletion opens at once. Default: none, the sweeps find pushes and deletions.
   * Example: `{}`.
   */
  pushEvents?: PushEventsArgs | undefined;
  /**
   * Each registry logs its pulls to the workspace, so that notices and commands say when an image was last pulled. The
   * workspace charges for what is logged. Default: false.
   */
  pullLogs?: boolean;
  /**
   * How many zones of the region keep the records and the queues: `lrs` for one, `zrs` for three. The region must have
   * zones. Default: `lrs`.
   */
  storageRedundancy?: StorageRedundancy;
  /** How long the component's own workspace keeps findings and log lines, in days, 30 to 730. Default: 90. */
  logRetentionDays?: number;
  /** The time of the deployment, ISO 8601. The URL of the code's package expires some hours after it. Default: now. */
  now?: string;
}

/** The outputs of an `AcrPullGate`, for people and for the command-line tool. */
export interface AcrPullGateOutputs {
  /** Marks the object as pullgate's among the outputs of any stack. Always `azure`. */
  pullgate: string;
  subscriptionId: pulumi.Output<string>;
  resourceGroup: pulumi.Output<string>;
  functionAppName: pulumi.Output<string>;
  logicAppName: pulumi.Output<string>;
  queueUrl: pulumi.Output<string>;
  poisonQueueUrl: pulumi.Output<string>;
  tableUrl: pulumi.Output<string>;
  tableName: pulumi.Output<string>;
  /** The GUID that queries use for the workspace of findings and log lines. */
  workspaceId: pulumi.Output<string>;
  /** The client id of the function's identity. */
  clientId: pulumi.Output<string>;
  /** The subnet from which the function reaches registries. Absent: it reaches them from the Internet. */
  subnetId?: string;
  /** The service that sends mail. Absent if there are no recipients, as is `mailSender`. */
  mailEndpoint?: pulumi.Output<string>;
  mailSender?: pulumi.Output<string>;
  /** The URL of the workbook in the Azure portal. */
  workbookUrl: pulumi.Output<string>;
  registries: string[];
  /** The content of the function's `settings.json`. */
  settings: AcrFunctionSettings;
}

/**
 * Blocks pulls of vulnerable images from the Azure container registries of one subscription, and allows them again once
 * there is proof that the vulnerability is gone. A stack has at most one.
 * Example: `new AcrPullGate('pullgate', { severityThreshold: 'high', registries: [registryId] })`.
 */
export class AcrPullGate extends pulumi.ComponentResource {
  readonly outputs: AcrPullGateOutputs;

  /** @throws RunError that lists every problem of the arguments */
  constructor(name: string, args: AcrPullGateArgs, opts?: pulumi.ComponentResourceOptions) {
    super('pullgate:index:AcrPullGate', name, {}, opts);
    const { workspaceId, now = new Date().toISOString(), ...plain } = args;
    const checked = accept(name, checkAcrArgs(plain, now));
    const { registries, sweepHours, notifyEmails, subnetId, pushEvents } = checked;
    const settings = functionSettings(checked);
    const code = bundleHandler(settings);
    const given =
      workspaceId === undefined
        ? undefined
        : pulumi.output(workspaceId).apply((known) => accept(name, checkWorkspaceId(known)));
    const topics = Object.values(pushEvents?.topics ?? {});
    const ids = [...registries, ...topics, ...(given === undefined ? [] : [given])];
    const subscriptionId = findSubscription(ids, this);

    const group = createResourceGroup(name, subscriptionId, this);
    const placement: Placement = { subscriptionId, resourceGroupName: group.name, location: group.location };
    const workspaceArgs = { workspaceId: given, logRetentionDays: checked.logRetentionDays };
    const workspace = createWorkspace(name, placement, workspaceArgs, this);
    const id = group.id.apply(toId);
    const { storageRedundancy: redundancy, deletionProtection: isProtected } = checked;
    const stores = createStores(name, placement, { id, redundancy, isProtected }, this);
    const identity = createIdentity(name, placement, this);
    const log = createLog(name, placement, workspace, this);
    const mail = notifyEmails.length === 0 ? undefined : createMail(name, placement, this);
    const specs = functionRoles({
      registries,
      registryRole: createRegistryRole(name, { ...checked, id, subscriptionId }, this),
      workspaceId: workspace.id,
      accountId: stores.account.id,
      queueId: stores.queue.id,
      poisonQueueId: stores.poisonQueue.id,
      tableId: stores.table.id,
      componentId: log.id,
    });
    const forDetails = checked.cveDetails === undefined ? [] : detailsRole(checked.cveDetails);
    const roles = [...specs, ...forDetails, ...(mail === undefined ? [] : [mail.role])].map((spec) =>
      assignRole(name, spec, { subscriptionId, principalId: identity.principalId }, this),
    );
    const runtime = { code, now, subnetId };
    const app = createFunction(name, placement, { stores, workspace, identity, log, mail, roles, ...runtime }, this);
    const { logicApp } = createEvents(name, placement, { workspace, stores }, this);
    if (pushEvents !== undefined)
      createPushEvents(name, placement, { id, registries, topics: pushEvents.topics, stores }, this);
    if (checked.pullLogs) createPullLogs(name, { id, registries, workspace }, this);
    const watched = {
      sweepHours,
      readsDetails: checked.cveDetails !== undefined,
      workspace,
      componentId: log.id,
      notifyEmails,
    };
    createAlarms(name, placement, watched, this);
    const shown = { id, workspaceId: workspace.id, componentId: log.id };
    const workbookUrl = createWorkbook(name, placement, shown, this);
    if (checked.enableDefender) enableDefender(name, placement, this);

    this.outputs = {
      pullgate: 'azure',
      subscriptionId,
      resourceGroup: group.name,
      functionAppName: app.name,
      logicAppName: logicApp.name,
      queueUrl: stores.queueUrl,
      poisonQueueUrl: stores.poisonQueueUrl,
      tableUrl: stores.tableUrl,
      tableName: stores.table.name,
      workspaceId: workspace.customerId,
      clientId: identity.clientId,
      ...(subnetId === undefined ? {} : { subnetId }),
      ...(mail === undefined ? {} : { mailEndpoint: mail.endpoint, mailSender: mail.sender }),
      workbookUrl,
      registries,
      settings,
    };
    this.registerOutputs({ outputs: this.outputs });
  }
}
