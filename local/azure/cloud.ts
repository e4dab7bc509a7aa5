// Azure on one machine: runs the deployed artifacts of a resource graph, and the services that they call, on their
// production host names behind a loopback proxy.
import type { TokenCredential } from '@azure/core-auth';
import { type Clock, virtualClock } from '../clock.ts';
import { advanceClock, runUntilIdle } from '../due-work.ts';
import type { Graph } from '../graph.ts';
import { addLiveProperties } from '../live-properties.ts';
import type { Secret } from '../secrets.ts';
import { type Acr, type AcrWorld, createAcr, type RegistryOptions } from './acr.ts';
import { createAcrService } from './acr-api.ts';
import { ARM_HOST, createArm } from './arm.ts';
import { type Calls, createCalls } from './calls.ts';
import { agentOf, type ClientOptions, clientOptions } from './client.ts';
import { createDefender, type Defender } from './defender.ts';
import { createDefenderPlans, type DefenderPlans } from './defender-plans.ts';
import { createDelivery } from './delivery.ts';
import { createEventGrid, type EventGrid } from './event-grid.ts';
import { createFaults, type Faults } from './faults.ts';
import type { AzurePlace } from './graph-mocks.ts';
import { createLogAnalytics, LOGS_HOST, type NamedWorkspace } from './log-analytics.ts';
import type { RunningLogicApp } from './logic-app.ts';
import { createMails, type MailSent } from './mail.ts';
import { type AcrOciClient, createAcrOciClient } from './oci-client.ts';
import { createPrincipals, type Principal, type Principals } from './principals.ts';
import { createPullLog } from './pull-log.ts';
import { createQueues } from './queue.ts';
import { createResourceGraph, type ResourceGraph } from './resource-graph.ts';
import { readResources } from './resources.ts';
import { createRoles } from './roles.ts';
import {
  createSecurityEvents,
  type EventFault,
  type RunningSecurityEvents,
  type SecurityEvents,
} from './security-events.ts';
import { startWire, type Wire } from './server.ts';
import { createStacks, type Stack, type Stacks } from './stacks.ts';
import { createTables } from './table.ts';
import type { Invocation } from './worker.ts';

export interface LocalAzure extends Stack {
  readonly place: AzurePlace;
  readonly clock: Clock;
  readonly acr: Acr;
  readonly defender: Defender;
  /** The plans of Defender in the subscription. */
  readonly plans: DefenderPlans;
  /** The events from Defender that are in transit. */
  readonly events: SecurityEvents;
  /** The events of registries that are in transit. */
  readonly eventGrid: EventGrid;
  /** The details of CVEs in Resource Graph. */
  readonly cveDetails: ResourceGraph['cves'];
  readonly calls: Calls;
  readonly faults: Faults & {
    /** Injects a fault into the transit of Defender's events and rows. Returns a function that removes it. */
    addToBus(fault: EventFault): () => void;
  };
  readonly principals: Principals;
  /** The secrets issued so far: tokens, headers, signatures. */
  readonly secrets: readonly Secret[];
  /** The sent mails, in order. */
  readonly mails: MailSent[];
  /** Failures that the local cloud caused, not the caller: features that it lacks. Empty in a sound test. */
  readonly gaps: readonly string[];
  /** The options with which every Azure SDK client of this process reaches this cloud. */
  readonly clientOptions: ClientOptions;
  /** A deployed stack. The cloud's own `queue`, `host`, ... are those of the stack `main`. */
  stack(name: string): Stack;
  /**
   * Deploys a graph to a stack of this subscription (`main` by default): replaces code, settings, rules and roles, and
   * keeps the data.
   */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Delivers visible messages to the functions until there are none. With `advance`, it then moves the clock to the
   * next message and continues until all queues except the poison queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock. Timers fire and messages are delivered on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /** When the next message or delayed event is due, in milliseconds since the epoch; undefined if there is none. */
  nextWorkAt(): number | undefined;
  /** Fires a timer of the stack `main` now, even if it is not due. */
  fireTimer(functionName: string): Promise<Invocation>;
  /** The environment in which a child process reaches this cloud as this principal, with its managed identity. */
  environment(principal: Principal): Record<string, string>;
  /** A container client that logs in with this credential. */
  oci(credential: TokenCredential): AcrOciClient;
  stop(): Promise<void>;
}

export interface AzureOptions {
  /** The number of instances of a function app, each in its own process. They share the messages. Default: 1. */
  readonly instances?: number;
  /** Default: a virtual clock. */
  readonly clock?: Clock;
  /**
   * Options by ARM id for registries whose login server is not `NAME.azurecr.io` or whose role mode is not the default.
   */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
}

/** Starts a cloud with one stack deployed. It creates the registries that the stack names, without images. */
export async function startAzure(graph: Graph, options: AzureOptions = {}): Promise<LocalAzure> {
  const { clock = virtualClock(), registries = {}, instances = 1 } = options;
  const { place } = readResources(graph);
  const control = createControl(clock);
  const { principals, calls } = control;
  const wire = await startWire({ ...control, clock, crash: ({ principal }) => crash(stacks, principal) });
  const services = createServices(clock, wire, control, place);
  const { acr, events, eventGrid, mails } = services;
  const stacks = createStacks({
    ...{ ...services, ...control, clock, wire, registries, instances },
    subscription: place.subscription,
  });
  const delivery = createDelivery({ clock, events, eventGrid, stacks: stacks.all });
  const cloud = {
    ...{ place, clock, acr, events, eventGrid, calls, principals },
    defender: createDefender({ clock, events, loginServerOf: (id) => loginServerOf(acr, id) }),
    faults: faultsOf(control.faults, events),
    plans: services.plans,
    cveDetails: services.graph.cves,
    secrets: principals.secrets,
    mails: mails.sent,
    stack: stacks.find,
    deploy: (next: Graph, { stack = 'main' }: { readonly stack?: string } = {}) => stacks.deploy(stack, next),
    runUntilIdle: (until?: { readonly advance?: boolean }) => runUntilIdle(delivery, until),
    advance: (milliseconds: number) => advanceClock(delivery, milliseconds),
    nextWorkAt: delivery.nextWorkAt,
    fireTimer: (functionName: string) => stacks.find('main').host.fireTimer(functionName),
    ...accessTo(wire),
    async stop() {
      await stacks.stop();
      services.agent.destroy();
      await wire.stop();
    },
  };
  await stacks.deploy('main', graph).catch(async (error: unknown) => {
    await cloud.stop();
    throw error;
  });
  return addLiveProperties(cloud, mainStack(stacks));
}

type Control = ReturnType<typeof createControl>;

/** Principals and roles, the log of calls, and the faults. */
function createControl(clock: Clock) {
  const roles = createRoles();
  return { roles, principals: createPrincipals(clock, roles), calls: createCalls(), faults: createFaults() };
}

function createServices(clock: Clock, wire: Wire, { principals, roles }: Control, { location }: AzurePlace) {
  const agent = agentOf(wire);
  const logicApps = new Map<string, RunningLogicApp>();
  const workspaces = new Map<string, NamedWorkspace>();
  const eventGrid = createEventGrid({ clock, principals, agent });
  const acr = createAcr(clock, ({ loginServer }) => wire.serve(loginServer, acrService), eventGrid.publish);
  const pullLog = createPullLog(clock.now, (id, row) =>
    workspaces.get(id)?.world.ingest('ContainerRegistryRepositoryEvents', row),
  );
  const acrService = createAcrService({ clock, world: acr, principals, roles, pullLog });
  const queues = createQueues(clock, principals, wire.serve);
  const tables = createTables(clock, principals, wire.serve);
  const mails = createMails(clock, principals, wire.serve);
  const graph = createResourceGraph();
  const plans = createDefenderPlans();
  wire.serve(ARM_HOST, createArm({ acr, principals, roles, location, graph, plans }));
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
  return { agent, logicApps, workspaces, acr, pullLog, queues, tables, mails, events, eventGrid, graph, plans };
}

async function crash(stacks: Stacks, principal: Principal): Promise<void> {
  const caller = stacks.all().find(({ identity }) => identity.id === principal.id);
  if (caller === undefined) throw new Error('only a function can crash, but the call came from another principal');
  await caller.host.kill(principal.process);
}

function loginServerOf(acr: AcrWorld, id: string): string {
  return acr.byId(id)?.loginServer ?? `${id.split('/').at(-1)}.azurecr.io`.toLowerCase();
}

function faultsOf(faults: Control['faults'], events: RunningSecurityEvents): LocalAzure['faults'] {
  return {
    add: faults.add,
    addToBus: events.disturb,
    clear() {
      faults.clear();
      events.clear();
    },
  };
}

function accessTo(wire: Wire): Pick<LocalAzure, 'gaps' | 'clientOptions' | 'environment' | 'oci'> {
  return {
    gaps: wire.gaps,
    clientOptions: clientOptions(wire),
    environment(principal) {
      const clientId = principal.id;
      const own = wire.identity.environment([{ ...principal, clientId }]);
      return { ...wire.environment(), ...own, AZURE_CLIENT_ID: clientId };
    },
    oci: (credential) => createAcrOciClient(wire, credential),
  };
}

function mainStack({ find }: Stacks): Stack {
  const main = () => find('main');
  return {
    get queue() {
      return main().queue;
    },
    get poisonQueue() {
      return main().poisonQueue;
    },
    get table() {
      return main().table;
    },
    get workspace() {
      return main().workspace;
    },
    get customerId() {
      return main().customerId;
    },
    get logicApp() {
      return main().logicApp;
    },
    get host() {
      return main().host;
    },
    get logs() {
      return main().logs;
    },
    get identity() {
      return main().identity;
    },
  };
}
