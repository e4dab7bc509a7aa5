// AcrPullGate: everything that closes and opens images in the container registries of one subscription, as one Pulumi component.
import * as security from '@pulumi/azure-native/security/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Bundle } from '../../bundle.ts';
import { parsePolicy } from '../../shared/policy/policy.ts';
import type { Severity } from '../../shared/policy/severity.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { createAlarms } from './alarms.ts';
import { bundleHandler } from './code.ts';
import { createEvents } from './events.ts';
import { createFunction, createIdentity, createLog } from './function.ts';
import { createMail } from './mail.ts';
import { createResourceGroup, createWorkspace, markOf, type Place, subscriptionOf } from './place.ts';
import { assignRole, createGateRole, functionRoles } from './roles.ts';
import { type FunctionSettings, functionSettings } from './settings.ts';
import { createStores } from './storage.ts';
import { createWorkbook } from './workbook.ts';

/** What a gate is told, in the words of the stack's config, which has the defaults. */
export interface AcrPullGateArgs {
  /** A finding at or above it closes the gate. */
  readonly severityThreshold: Severity;
  /** The refinements of the policy, as they stand in the config: `{ unfixable: 'never' }`. */
  readonly policy: Readonly<Record<string, unknown>>;
  /** `audit` decides, logs and notifies, and closes nothing. */
  readonly mode: 'enforce' | 'audit';
  /** How often everything is observed, in hours. */
  readonly sweepHours: number;
  /** How many gates may close within an hour. */
  readonly maxClosesPerHour: number;
  /** Who hears of state changes and alarms. */
  readonly notifyEmails: readonly string[];
  /** The ARM ids of the registries that have gates, all in the subscription that the gate is made in. */
  readonly registries: readonly string[];
  /** What is closed: one manifest, or the whole repository with its good images. */
  readonly granularity: 'image' | 'repository';
  /** The registries' role mode: roles count on the whole registry, or on repositories only. */
  readonly registryRoles: 'rbac' | 'abac';
  /** The ARM id of the Log Analytics workspace that findings and log lines go to. Default: one of the gate's own. */
  readonly workspaceId?: string | undefined;
  /** Switch on the Defender for Containers plan of the whole subscription. */
  readonly enableDefender: boolean;
  /** How long the gate's own workspace keeps findings and log lines, in days. */
  readonly logRetentionDays: number;
  /** The time of the deployment, ISO 8601: the address of the code's package is good for some hours from then on. */
  readonly now: string;
}

/** Closes images or repositories of Azure container registries, and opens them once the danger is gone. One per stack. */
export class AcrPullGate extends pulumi.ComponentResource {
  readonly subscriptionId: string;
  readonly resourceGroup: pulumi.Output<string>;
  readonly functionAppName: pulumi.Output<string>;
  readonly logicAppName: pulumi.Output<string>;
  readonly queueUrl: pulumi.Output<string>;
  readonly poisonQueueUrl: pulumi.Output<string>;
  readonly tableUrl: pulumi.Output<string>;
  readonly tableName: pulumi.Output<string>;
  /** The GUID by which queries name the workspace of findings and log lines. */
  readonly workspaceId: pulumi.Output<string>;
  /** The client id of the function's identity. */
  readonly clientId: pulumi.Output<string>;
  /** Where mails are sent, and by whom; undefined where nobody gets mail. */
  readonly mailEndpoint: pulumi.Output<string> | undefined;
  readonly mailSender: pulumi.Output<string> | undefined;
  /** The address of the workbook. */
  readonly workbookUrl: pulumi.Output<string>;
  readonly registries: readonly string[];
  /** The content of the function's settings.json. */
  readonly settings: FunctionSettings;

  /**
   * Makes a gate, once it is known where it stands and what it runs.
   *
   * @throws RunError where a registry or the workspace is in another subscription
   */
  static async create(
    name: string,
    args: AcrPullGateArgs,
    opts: pulumi.ComponentResourceOptions = {},
  ): Promise<AcrPullGate> {
    const { parent, provider } = opts;
    const ids = [...args.registries, ...(args.workspaceId === undefined ? [] : [args.workspaceId])];
    const subscriptionId = await subscriptionOf(ids, {
      ...(parent === undefined ? {} : { parent }),
      ...(provider === undefined ? {} : { provider }),
    });
    const code = bundleHandler(functionSettings(pulumi.getStack(), args));
    return new AcrPullGate(name, args, { subscriptionId, code }, opts);
  }

  /** @param ready what `create` finds out first, since resources are named by it */
  constructor(
    name: string,
    args: AcrPullGateArgs,
    ready: { readonly subscriptionId: string; readonly code: Bundle },
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super('pullgate:azure:AcrPullGate', name, {}, opts);
    const policy = parsePolicy(args.severityThreshold, args.policy);
    if (!policy.ok)
      throw new Error(`${name} needs a policy that is right:\n${policy.problems.map(describeProblem).join('\n')}`);
    const stack = pulumi.getStack();
    this.settings = functionSettings(stack, args);
    this.registries = args.registries;
    const { subscriptionId, code } = ready;
    this.subscriptionId = subscriptionId;

    const group = createResourceGroup(name, this);
    const place: Place = { subscriptionId, resourceGroupName: group.name, location: group.location };
    const workspace = createWorkspace(name, place, args, this);
    const mark = markOf(pulumi.getOrganization(), pulumi.getProject(), stack, subscriptionId);
    const stores = createStores(name, place, mark, this);
    const identity = createIdentity(name, place, this);
    const log = createLog(name, place, workspace, this);
    const mail = args.notifyEmails.length === 0 ? undefined : createMail(name, place, this);
    const specs = functionRoles({
      registries: args.registries,
      gateRole: createGateRole(name, args, mark, subscriptionId, this),
      workspaceId: workspace.id,
      accountId: stores.account.id,
      queueId: stores.queue.id,
      poisonQueueId: stores.poisonQueue.id,
      tableId: stores.table.id,
      componentId: log.id,
    });
    const roles = [...specs, ...(mail === undefined ? [] : [mail.role])].map((spec) =>
      assignRole(name, spec, subscriptionId, identity.principalId, this),
    );
    const app = createFunction(
      name,
      place,
      { stores, workspace, identity, log, mail, code, now: args.now, roles },
      this,
    );
    const { logicApp } = createEvents(name, place, workspace, stores, this);
    const watched = { workspace, componentId: log.id, notifyEmails: args.notifyEmails };
    createAlarms(name, place, args.sweepHours, watched, this);
    this.workbookUrl = createWorkbook(name, place, mark, { workspaceId: workspace.id, componentId: log.id }, this);
    if (args.enableDefender) enableDefender(name, subscriptionId, this);

    this.resourceGroup = group.name;
    this.functionAppName = app.name;
    this.logicAppName = logicApp.name;
    this.queueUrl = stores.queueUrl;
    this.poisonQueueUrl = stores.poisonQueueUrl;
    this.tableUrl = stores.tableUrl;
    this.tableName = stores.table.name;
    this.workspaceId = workspace.customerId;
    this.clientId = identity.clientId;
    this.mailEndpoint = mail?.endpoint;
    this.mailSender = mail?.sender;
    this.registerOutputs({
      subscriptionId: this.subscriptionId,
      resourceGroup: this.resourceGroup,
      functionAppName: this.functionAppName,
      logicAppName: this.logicAppName,
      queueUrl: this.queueUrl,
      poisonQueueUrl: this.poisonQueueUrl,
      tableUrl: this.tableUrl,
      tableName: this.tableName,
      workspaceId: this.workspaceId,
      clientId: this.clientId,
      mailEndpoint: this.mailEndpoint,
      mailSender: this.mailSender,
      workbookUrl: this.workbookUrl,
      registries: this.registries,
      settings: this.settings,
    });
  }
}

/**
 * Defender for Containers with its scans of registries. It belongs to the whole subscription, not to this stack: it stays when the stack goes or
 * the option is taken back, because nobody expects pullgate to switch a scanner off.
 * Source: https://learn.microsoft.com/azure/templates/microsoft.security/pricings
 */
function enableDefender(name: string, subscriptionId: string, parent: pulumi.Resource): void {
  new security.Pricing(
    `${name}-defender`,
    {
      pricingName: 'Containers',
      scopeId: `subscriptions/${subscriptionId}`,
      pricingTier: 'Standard',
      extensions: [{ name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled: 'True' }],
    },
    { parent, retainOnDelete: true },
  );
}
