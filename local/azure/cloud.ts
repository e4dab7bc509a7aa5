// Azure on one machine: the deployed artefacts of a resource graph, and the services that they call, on their production host names behind a loopback proxy.
import type { Agent } from 'node:https';
import type { TokenCredential } from '@azure/core-auth';
import { type Clock, earliest, virtualClock } from '../clock.ts';
import type { Graph } from '../graph.ts';
import type { LogLine } from '../log-line.ts';
import type { Secret } from '../secrets.ts';
import { type Acr, createAcr, type RegistryOptions } from './acr.ts';
import { createAcrService } from './acr-api.ts';
import { ARM_HOST, createArm } from './arm.ts';
import { type Calls, createCalls } from './calls.ts';
import { agentOf, type ClientOptions, clientOptions } from './client.ts';
import { createDefender, type Defender } from './defender.ts';
import { checkDeployment } from './deployment-check.ts';
import { createFaults, type Faults } from './faults.ts';
import { createFunctionsHost, type FunctionsHost, type RunningHost } from './functions-host.ts';
import type { AzurePlace } from './graph-mocks.ts';
import { createLogAnalytics, LOGS_HOST, type NamedWorkspace } from './log-analytics.ts';
import { createLogicApp, type LogicApp, type RunningLogicApp } from './logic-app.ts';
import { createMails, type MailSent } from './mail.ts';
import { type AcrOciClient, createAcrOciClient } from './oci-client.ts';
import { createPrincipals, type Principal, type Principals } from './principals.ts';
import { createQueues, type Queue } from './queue.ts';
import { type Resources, readResources } from './resources.ts';
import { createRoles } from './roles.ts';
import { createSecurityEvents, type EventFault, type SecurityEvents } from './security-events.ts';
import { startWire } from './server.ts';
import { createTables, type Table } from './table.ts';
import type { Invocation } from './worker.ts';
import { createWorkspace, type Workspace } from './workspace.ts';

/** What one Pulumi stack has deployed. */
export interface Stack {
  /** The queue that feeds the function. */
  readonly queue: Queue;
  readonly poisonQueue: Queue;
  /** The records. */
  readonly table: Table;
  readonly workspace: Workspace;
  /** The GUID by which queries name the workspace. */
  readonly customerId: string;
  readonly logicApp: LogicApp;
  readonly host: FunctionsHost;
  /** The function's log, line by line, in order. */
  readonly logs: LogLine[];
  /** Who the function is. */
  readonly identity: Principal;
}

export interface LocalAzure extends Stack {
  readonly place: AzurePlace;
  readonly clock: Clock;
  readonly acr: Acr;
  readonly defender: Defender;
  /** What Defender sends, on its way. */
  readonly events: SecurityEvents;
  readonly calls: Calls;
  readonly faults: Faults & {
    /** What happens to Defender's events and rows on their way. Answers with what takes the fault away. */
    addToBus(fault: EventFault): () => void;
  };
  readonly principals: Principals;
  /** What nobody but its receiver may see, as far as it was given out: tokens, headers, signatures. */
  readonly secrets: readonly Secret[];
  /** What was sent by mail, in order. */
  readonly mails: MailSent[];
  /** What failed for no reason of the caller's: gaps of the local cloud. Empty in a sound test. */
  readonly gaps: readonly string[];
  /** What every client of the Azure SDK takes as its options to reach this cloud from this process. */
  readonly clientOptions: ClientOptions;
  /** A stack that was deployed. `queue`, `host`, ... of the cloud itself are those of the stack `main`. */
  stack(name: string): Stack;
  /** Deploys a graph over what the stack has (`main` by default): new code, settings, rules and roles; the data stays. Another name is another stack of the same subscription. */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Hands visible messages to the functions until there are none.
   * With `advance` it then moves the clock to where the next message becomes visible, and goes on, until all queues but the poison queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock, firing the timers and handing over the messages that fall due on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /** When the next message, or event that is late, is due, in milliseconds since the epoch; undefined where nothing is on its way. */
  nextWorkAt(): number | undefined;
  /** Fires a timer of the stack `main` now, whether it is due or not. */
  fireTimer(functionName: string): Promise<Invocation>;
  /** The environment in which a child process reaches this cloud as somebody, by its managed identity. */
  environment(principal: Principal): Record<string, string>;
  /** A container client that logs in as somebody. */
  oci(credential: TokenCredential): AcrOciClient;
  stop(): Promise<void>;
}

export interface AzureOptions {
  /** How many instances a function app has, each a process of its own, that share its messages. Default: 1. */
  readonly instances?: number;
  /** Default: a virtual clock. */
  readonly clock?: Clock;
  /** Registries that are not `NAME.azurecr.io` with the roles of the whole registry: their options by ARM id. */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
}

interface Deployed extends Stack {
  readonly resources: Resources;
  readonly host: RunningHost;
}

/** More invocations in one run than this never end. */
const MAX_INVOCATIONS = 200_000;

/** Starts a cloud with one stack deployed. Registries that the stack names are there, empty. */
export async function startAzure(graph: Graph, options: AzureOptions = {}): Promise<LocalAzure> {
  const { clock = virtualClock(), registries = {}, instances = 1 } = options;
  const { place } = readResources(graph);
  const calls = createCalls();
  const faults = createFaults();
  const roles = createRoles();
  const principals = createPrincipals(clock, roles);
  const stacks = new Map<string, Deployed>();
  const logicApps = new Map<string, RunningLogicApp>();
  const workspaces = new Map<string, NamedWorkspace>();
  const wire = await startWire({
    clock,
    principals,
    roles,
    calls,
    faults,
    async crash({ principal }) {
      const caller = [...stacks.values()].find(({ identity }) => identity.id === principal.id);
      if (caller === undefined) throw new Error('only a function can crash: the call came from somebody else');
      await caller.host.kill(principal.process);
    },
  });
  const agent: Agent = agentOf(wire);
  const acr = createAcr(clock, ({ loginServer }) => wire.serve(loginServer, acrService));
  const acrService = createAcrService(clock, acr, principals, roles);
  const serve = wire.serve.bind(wire);
  const queues = createQueues(clock, principals, serve);
  const tables = createTables(clock, principals, serve);
  const mails = createMails(clock, principals, serve);
  wire.serve(ARM_HOST, createArm(acr, principals, place.location));
  wire.serve(LOGS_HOST, createLogAnalytics({ clock, principals, workspaces: () => [...workspaces.values()] }));
  const events = createSecurityEvents({
    clock,
    callLogicApp: async (id, uri, body) => (await logicApps.get(id)?.call(uri, body)) ?? 404,
    ingest(id, { table, row }) {
      const workspace = workspaces.get(id.toLowerCase());
      workspace?.world.ingest(table, row);
      return workspace !== undefined;
    },
  });
  const loginServerOf = (id: string) => acr.byId(id)?.loginServer ?? `${id.split('/').at(-1)}.azurecr.io`.toLowerCase();
  const defender = createDefender({ clock, events, loginServerOf });

  const stack = (name: string): Deployed => {
    const found = stacks.get(name);
    if (found === undefined)
      throw new Error(`no stack ${name} was deployed; there is ${[...stacks.keys()].join(', ')}`);
    return found;
  };

  async function deploy(next: Graph, { stack: name = 'main' }: { readonly stack?: string } = {}): Promise<void> {
    const resources = readResources(next);
    if (resources.place.subscription !== place.subscription)
      throw new Error('all stacks of a local cloud have one subscription');
    const { app } = resources;
    for (const identity of resources.identities) principals.addIdentity(identity);
    roles.deploy(name, resources.roleDefinitions, resources.roleAssignments);
    for (const queue of resources.queues) queues.deploy(queue);
    for (const table of resources.tables) tables.deploy(table);
    for (const mail of resources.mails) mails.deploy(mail);
    for (const { id, customerId } of resources.workspaces) {
      const world = workspaces.get(id.toLowerCase())?.world ?? createWorkspace(clock);
      workspaces.set(id.toLowerCase(), { id, customerId, world });
    }
    for (const logicApp of resources.logicApps) {
      const running = logicApps.get(logicApp.id) ?? createLogicApp({ clock, principals, agent });
      running.deploy(logicApp);
      logicApps.set(logicApp.id, running);
    }
    events.deploy(name, resources.automations);
    for (const id of resources.registries) if (acr.byId(id) === undefined) acr.addRegistry(id, registries[id]);
    checkDeployment(resources, roles, queues);
    const before = stacks.get(name);
    await before?.host.stop();
    const logs = before?.logs ?? [];
    const surroundings = (process: string) => ({
      ...wire.environment(),
      ...wire.identity.environment(app.identities, process),
    });
    const host = createFunctionsHost({ app, clock, queues, logs, surroundings, instances });
    stacks.set(name, { resources, host, logs, identity: app.hostIdentity, ...storesOf(resources) });
  }

  function storesOf({ app, logicApps: own, workspaces: seen }: Resources) {
    const { appSettings, name } = app;
    const account = appSettings['AzureWebJobsStorage__accountName'] ?? '';
    const queueName = appSettings['PULLGATE_QUEUE'] ?? '';
    const [logicApp, workspace] = [logicApps.get(own[0]?.id ?? ''), workspaces.get(seen[0]?.id.toLowerCase() ?? '')];
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

  /** Hands over what is visible now. */
  async function drain(invocations: Invocation[]): Promise<void> {
    await events.deliverDue();
    for (let worked = true; worked; ) {
      worked = false;
      for (const { host } of stacks.values()) {
        const done = await host.pollOnce();
        if (done.length > 0) worked = true;
        invocations.push(...done);
        if (invocations.length > MAX_INVOCATIONS)
          throw new Error(`${MAX_INVOCATIONS} invocations, and the queues are not empty yet`);
      }
    }
  }

  const nextWorkAt = (): number | undefined =>
    earliest([events.nextDeliveryAt(), ...[...stacks.values()].map(({ host }) => host.nextVisibleAt())]);

  async function nextAt(): Promise<number | undefined> {
    const timers = await Promise.all([...stacks.values()].map(({ host }) => host.nextTimerAt()));
    return earliest([nextWorkAt(), ...timers]);
  }

  function moveTo(time: number): void {
    clock.advance(Math.max(0, time - clock.now().getTime()));
  }

  const stop = async (): Promise<void> => {
    await Promise.all([...stacks.values()].map(({ host }) => host.stop()));
    agent.destroy();
    await wire.stop();
  };
  await deploy(graph).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    place,
    clock,
    acr,
    defender,
    events,
    calls,
    faults: {
      add: faults.add,
      addToBus: events.disturb,
      clear() {
        faults.clear();
        events.clear();
      },
    },
    principals,
    secrets: principals.secrets,
    mails: mails.sent,
    gaps: wire.gaps,
    clientOptions: clientOptions(wire),
    stack,
    deploy,
    get queue() {
      return stack('main').queue;
    },
    get poisonQueue() {
      return stack('main').poisonQueue;
    },
    get table() {
      return stack('main').table;
    },
    get workspace() {
      return stack('main').workspace;
    },
    get customerId() {
      return stack('main').customerId;
    },
    get logicApp() {
      return stack('main').logicApp;
    },
    get host() {
      return stack('main').host;
    },
    get logs() {
      return stack('main').logs;
    },
    get identity() {
      return stack('main').identity;
    },
    async runUntilIdle({ advance = false } = {}) {
      const invocations: Invocation[] = [];
      await drain(invocations);
      for (let next = nextWorkAt(); advance && next !== undefined; next = nextWorkAt()) {
        moveTo(next);
        await drain(invocations);
      }
      return invocations;
    },
    async advance(milliseconds) {
      const invocations: Invocation[] = [];
      const end = clock.now().getTime() + milliseconds;
      await drain(invocations);
      for (let next = await nextAt(); next !== undefined && next <= end; next = await nextAt()) {
        moveTo(next);
        for (const { host } of stacks.values()) invocations.push(...(await host.fireDueTimers()));
        await drain(invocations);
      }
      moveTo(end);
      return invocations;
    },
    nextWorkAt,
    fireTimer: (functionName) => stack('main').host.fireTimer(functionName),
    environment(principal) {
      const identity = { ...principal, clientId: principal.id };
      principals.addIdentity(identity);
      const own = wire.identity.environment([identity]);
      return { ...wire.environment(), ...own, AZURE_CLIENT_ID: identity.clientId };
    },
    oci: (credential) => createAcrOciClient(wire, credential),
    stop,
  };
}
