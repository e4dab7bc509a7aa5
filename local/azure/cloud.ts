// Azure on one machine: the deployed artefacts of a resource graph, and the services that they call, on their
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
import { createDelivery } from './delivery.ts';
import { createFaults, type Faults } from './faults.ts';
import type { AzurePlace } from './graph-mocks.ts';
import { createLogAnalytics, LOGS_HOST, type NamedWorkspace } from './log-analytics.ts';
import type { RunningLogicApp } from './logic-app.ts';
import { createMails, type MailSent } from './mail.ts';
import { type AcrOciClient, createAcrOciClient } from './oci-client.ts';
import { createPrincipals, type Principal, type Principals } from './principals.ts';
import { createQueues } from './queue.ts';
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
  /** What Defender sends, on its way. */
  readonly events: SecurityEvents;
  readonly calls: Calls;
  readonly faults: Faults & {
    /** What happens to Defender's events and rows on their way. Answers with what takes the fault away. */
    addToBus(fault: EventFault): () => void;
  };
  readonly principals: Principals;
  /** The secrets given out so far, which only their receiver may see: tokens, headers, signatures. */
  readonly secrets: readonly Secret[];
  /** What was sent by mail, in order. */
  readonly mails: MailSent[];
  /** What failed for no reason of the caller's: gaps of the local cloud. Empty in a sound test. */
  readonly gaps: readonly string[];
  /** What every client of the Azure SDK takes as its options to reach this cloud from this process. */
  readonly clientOptions: ClientOptions;
  /** A stack that was deployed. `queue`, `host`, ... of the cloud itself are those of the stack `main`. */
  stack(name: string): Stack;
  /**
   * Deploys a graph over what the stack has (`main` by default): new code, settings, rules and roles; the data stays.
   * Another name is another stack of the same subscription.
   */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Hands visible messages to the functions until there are none. With `advance` it then moves the clock to where the
   * next message becomes visible, and goes on, until all queues but the poison queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock, firing the timers and handing over the messages that fall due on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /**
   * When the next message, or event that is late, is due, in milliseconds since the epoch; undefined if nothing is
   * on its way.
   */
  nextWorkAt(): number | undefined;
  /** Fires a timer of the stack `main` now, whether it is due or not. */
  fireTimer(functionName: string): Promise<Invocation>;
  /** The environment in which a child process reaches this cloud as this principal, by its managed identity. */
  environment(principal: Principal): Record<string, string>;
  /** A container client that logs in with this credential. */
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

/** Starts a cloud with one stack deployed. Registries that the stack names are there, empty. */
export async function startAzure(graph: Graph, options: AzureOptions = {}): Promise<LocalAzure> {
  const { clock = virtualClock(), registries = {}, instances = 1 } = options;
  const { place } = readResources(graph);
  const control = createControl(clock);
  const { principals, calls } = control;
  const wire = await startWire({ ...control, clock, crash: ({ principal }) => crash(stacks, principal) });
  const services = createServices(clock, wire, control, place);
  const { acr, events, mails } = services;
  const stacks = createStacks({
    ...{ ...services, ...control, clock, wire, registries, instances },
    subscription: place.subscription,
  });
  const delivery = createDelivery({ clock, events, stacks: stacks.all });
  const cloud = {
    ...{ place, clock, acr, events, calls, principals },
    defender: createDefender({ clock, events, loginServerOf: (id) => loginServerOf(acr, id) }),
    faults: faultsOf(control.faults, events),
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

/** Who may do what, what was asked for, and what goes wrong. */
function createControl(clock: Clock) {
  const roles = createRoles();
  return { roles, principals: createPrincipals(clock, roles), calls: createCalls(), faults: createFaults() };
}

function createServices(clock: Clock, wire: Wire, { principals, roles }: Control, { location }: AzurePlace) {
  const agent = agentOf(wire);
  const logicApps = new Map<string, RunningLogicApp>();
  const workspaces = new Map<string, NamedWorkspace>();
  const acr = createAcr(clock, ({ loginServer }) => wire.serve(loginServer, acrService));
  const acrService = createAcrService(clock, acr, principals, roles);
  const queues = createQueues(clock, principals, wire.serve);
  const tables = createTables(clock, principals, wire.serve);
  const mails = createMails(clock, principals, wire.serve);
  wire.serve(ARM_HOST, createArm(acr, principals, location));
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
  return { agent, logicApps, workspaces, acr, queues, tables, mails, events };
}

async function crash(stacks: Stacks, principal: Principal): Promise<void> {
  const caller = stacks.all().find(({ identity }) => identity.id === principal.id);
  if (caller === undefined) throw new Error('only a function can crash: the call came from another principal');
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
