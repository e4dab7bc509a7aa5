// The stacks of the local Azure: each one's deployment on top of the shared services.
import type { Agent } from 'node:https';
import type { Clock } from '../clock.ts';
import type { Graph } from '../graph.ts';
import type { LogLine } from '../log-line.ts';
import { createStacksOf, type StacksOf } from '../stacks.ts';
import type { AcrWorld, RegistryOptions } from './acr.ts';
import type { RunningPlans } from './defender-plans.ts';
import { checkDeployment } from './deployment-check.ts';
import type { RunningEventGrid } from './event-grid.ts';
import { createFunctionsHost, type FunctionsHost, type RunningHost } from './functions-host.ts';
import type { NamedWorkspace } from './log-analytics.ts';
import { createLogicApp, type LogicApp, type RunningLogicApp } from './logic-app.ts';
import type { Mails } from './mail.ts';
import type { Principal, Principals } from './principals.ts';
import type { PullLog } from './pull-log.ts';
import type { Queues } from './queue.ts';
import type { Queue } from './queue-messages.ts';
import { type Resources, readResources } from './resources.ts';
import type { Roles } from './roles.ts';
import type { RunningSecurityEvents } from './security-events.ts';
import type { Wire } from './server.ts';
import type { Table, Tables } from './table.ts';
import { createWorkspace, type Workspace } from './workspace.ts';

/** The deployment of one Pulumi stack. */
export interface Stack {
  /** The queue that feeds the function. */
  readonly queue: Queue;
  readonly poisonQueue: Queue;
  /** The table of the records. */
  readonly table: Table;
  readonly workspace: Workspace;
  /** The GUID that identifies the workspace in queries. */
  readonly customerId: string;
  readonly logicApp: LogicApp;
  readonly host: FunctionsHost;
  /** The function's log, line by line, in order. */
  readonly logs: LogLine[];
  /** The function's identity. */
  readonly identity: Principal;
}

export interface DeployedStack extends Stack {
  readonly host: RunningHost;
}

export type Stacks = StacksOf<DeployedStack>;

interface Parts {
  readonly subscription: string;
  readonly clock: Clock;
  readonly agent: Agent;
  readonly wire: Wire;
  readonly principals: Principals;
  readonly roles: Roles;
  readonly acr: AcrWorld;
  readonly plans: RunningPlans;
  readonly queues: Queues;
  readonly tables: Tables;
  readonly mails: Mails;
  readonly events: RunningSecurityEvents;
  readonly eventGrid: RunningEventGrid;
  readonly pullLog: PullLog;
  /** By ARM id. */
  readonly logicApps: Map<string, RunningLogicApp>;
  /** By ARM id in lower case. */
  readonly workspaces: Map<string, NamedWorkspace>;
  /** Options for registries that differ from the default, by ARM id. */
  readonly registries: Readonly<Record<string, RegistryOptions>>;
  /** The number of instances of a function app. */
  readonly instances: number;
}

export function createStacks(parts: Parts): Stacks {
  const { clock, queues } = parts;

  async function startHost({ app }: Resources, logs: LogLine[]): Promise<RunningHost> {
    const { wire, instances } = parts;
    const reach = await wire.environmentIn(app.subnetId);
    const surroundings = (process: string) => ({
      ...reach,
      ...wire.identity.environment(app.identities, process),
    });
    return createFunctionsHost({ app, clock, queues, logs, surroundings, instances });
  }

  async function deploy(name: string, graph: Graph, before: DeployedStack | undefined): Promise<DeployedStack> {
    const resources = readResources(graph);
    if (resources.place.subscription !== parts.subscription)
      throw new Error('all stacks of a local cloud must have the same subscription');
    deployServices(parts, name, resources);
    checkDeployment(resources, parts.roles, queues);
    await before?.host.stop();
    const logs = before?.logs ?? [];
    const host = await startHost(resources, logs);
    return { host, logs, identity: resources.app.hostIdentity, ...storesOf(parts, resources) };
  }

  return createStacksOf(deploy, ({ host }) => host.stop());
}

function deployServices(parts: Parts, name: string, resources: Resources): void {
  const { clock, roles, plans, queues, tables, mails, workspaces, events, eventGrid, pullLog, acr } = parts;
  roles.deploy(name, resources.roleDefinitions, resources.roleAssignments);
  plans.deploy(name, resources.plans);
  for (const queue of resources.queues) queues.deploy(queue);
  for (const table of resources.tables) tables.deploy(table);
  for (const mail of resources.mails) mails.deploy(mail);
  for (const { id, customerId } of resources.workspaces) {
    const world = workspaces.get(id.toLowerCase())?.world ?? createWorkspace(clock);
    workspaces.set(id.toLowerCase(), { id, customerId, world });
  }
  deployLogicApps(parts, resources);
  events.deploy(name, resources.automations);
  eventGrid.deploy(name, resources.eventSubscriptions);
  pullLog.deploy(name, resources.diagnosticSettings);
  for (const id of resources.registries) if (acr.byId(id) === undefined) acr.addRegistry(id, parts.registries[id]);
}

function deployLogicApps({ clock, principals, agent, logicApps }: Parts, resources: Resources): void {
  for (const logicApp of resources.logicApps) {
    const running = logicApps.get(logicApp.id) ?? createLogicApp({ clock, principals, agent });
    running.deploy(logicApp);
    logicApps.set(logicApp.id, running);
  }
}

function storesOf({ queues, tables, logicApps, workspaces }: Parts, resources: Resources) {
  const { appSettings, name } = resources.app;
  const account = appSettings['AzureWebJobsStorage__accountName'] ?? '';
  const queueName = appSettings['PULLGATE_QUEUE'] ?? '';
  const logicApp = logicApps.get(resources.logicApps[0]?.id ?? '');
  const workspace = workspaces.get(resources.workspaces[0]?.id.toLowerCase() ?? '');
  if (logicApp === undefined || workspace === undefined)
    throw new Error(`the stack of ${name} needs a Logic App and a workspace`);
  return {
    queue: queues.find(account, queueName),
    poisonQueue: queues.find(account, `${queueName}-poison`),
    table: tables.find(account, appSettings['PULLGATE_TABLE'] ?? ''),
    workspace: workspace.world,
    customerId: workspace.customerId,
    logicApp,
  };
}
