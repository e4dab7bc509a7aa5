// The one server of the local Azure, for every production host name: each request is parsed, logged, subjected to
// faults, authorized, and answered.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Clock } from '../clock.ts';
import type { FaultKind } from '../faults.ts';
import { createStaleAnswers } from '../stale.ts';
import type { Call, CallLog } from './calls.ts';
import { type Failure, failure, isFailure } from './failure.ts';
import type { FaultBox } from './faults.ts';
import type { IdentityEndpoint } from './identity.ts';
import { createIdentityEndpoint } from './identity.ts';
import type { Principals } from './principals.ts';
import { startProxy } from './proxy.ts';
import type { Roles } from './roles.ts';
import type { Service, Step } from './service.ts';
import { certificates, writeCa } from './tls.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

export interface Wire {
  /** The PEM of the certificate that signs each host's certificate, for NODE_EXTRA_CA_CERTS. */
  readonly ca: string;
  /** `http://127.0.0.1:PORT`, for HTTPS_PROXY. It connects only to hosts that are served here. */
  readonly proxy: string;
  /** The managed-identity endpoint, on the same port. */
  readonly identity: IdentityEndpoint;
  /** Serves a production host name. A later service for the same host replaces an earlier one. */
  serve(host: string, service: Service): void;
  /** The environment variables that a child process needs to reach this cloud: proxy and certificate. */
  environment(): Record<string, string>;
  /** The same for a process in a subnet. Without one, it is in the Internet. */
  environmentIn(subnetId: string | undefined): Promise<Record<string, string>>;
  /** Failures that the local cloud caused, not the caller: features that it lacks. Empty in a sound test. */
  readonly gaps: string[];
  stop(): Promise<void>;
}

export interface WireParts {
  readonly clock: Clock;
  readonly principals: Principals;
  readonly roles: Roles;
  readonly calls: CallLog;
  readonly faults: FaultBox;
  /** Kills the process of the calling function, for the fault `crash`. */
  readonly crash: (call: Call) => Promise<void>;
}

/** What happens to a connection that gets no answer. */
type NoAnswer = 'hold' | 'break';

/**
 * Longer than a client waits between two calls. Closing a connection during a call would be a fault that no test
 * injected.
 */
const KEPT_MILLISECONDS = 60_000;

export async function startWire(parts: WireParts): Promise<Wire> {
  const { clock, principals, roles, calls, faults, crash } = parts;
  const staleAnswers = createStaleAnswers<Call, WireAnswer>(clock, faults);
  const services = new Map<string, Service>();
  const gaps: string[] = [];
  const { ca, forHost } = await certificates();
  const { file, remove } = writeCa(ca);
  const serverFor = (subnetId: string | undefined) =>
    createServer({ SNICallback: forHost, keepAliveTimeout: KEPT_MILLISECONDS }, (request, response) => {
      void handle(request, response, subnetId).catch((error: unknown) => {
        gaps.push(String(error));
        response.destroy();
      });
    });

  async function answerTo(request: WireRequest): Promise<WireAnswer | NoAnswer> {
    const service = services.get(request.host);
    if (service === undefined) throw new Error(`nothing is served at ${request.host}`);
    try {
      const step = await service.read(request);
      const principal = await service.authenticate(request, step);
      const call = { service: step.service ?? service.name, operation: step.operation, input: step.input, principal };
      return await disturbed(
        call,
        () => work(service, request, step, call),
        (error) => service.refuse(error, request),
      );
    } catch (error) {
      return service.refuse(failureFrom(error), request);
    }
  }

  async function work(service: Service, request: WireRequest, step: Step, call: Call): Promise<WireAnswer> {
    try {
      for (const need of step.needs) {
        const refused = roles.refusal(call.principal, need);
        if (refused === undefined) continue;
        throw service.denied?.(refused, request, step) ?? failure(403, 'AuthorizationFailed', refused);
      }
      const answer = await step.run(call);
      await calls.runAfter(call);
      return answer;
    } catch (error) {
      return service.refuse(failureFrom(error), request);
    }
  }

  async function disturbed(
    call: Call,
    work: () => Promise<WireAnswer>,
    refuse: (error: Failure) => WireAnswer,
  ): Promise<WireAnswer | NoAnswer> {
    calls.record(call);
    await calls.runBefore(call);
    const fault = faults.meet(call);
    const instead = fault === undefined ? undefined : refusalOf(fault);
    if (instead !== undefined) return refuse(instead);
    if (fault?.kind === 'timeout') return 'hold';
    if (fault?.kind === 'reset') return 'break';
    if (fault?.kind === 'crash' && fault.when === 'before') {
      await crash(call);
      return 'break';
    }
    const stale = staleAnswers.find(call, fault);
    if (stale !== undefined) return stale;
    const answer = await work();
    staleAnswers.keep(call, answer);
    if (fault?.kind === 'crash') await crash(call);
    return fault === undefined || fault.kind === 'stale' ? answer : 'break';
  }

  async function handle(
    incoming: IncomingMessage,
    response: ServerResponse,
    subnetId: string | undefined,
  ): Promise<void> {
    const answer = await answerTo(await receive(incoming, subnetId));
    if (answer === 'hold') return;
    if (answer === 'break') return void response.destroy();
    const { status, headers = {}, body = '' } = answer;
    const length = headers['content-length'] ?? String(Buffer.byteLength(body));
    response.writeHead(status, { ...headers, 'content-length': length }).end(incoming.method === 'HEAD' ? '' : body);
  }

  function failureFrom(error: unknown): Failure {
    if (isFailure(error)) return error;
    // A feature that the local cloud lacks, never an error of Azure. The status is a 4xx, so that no client retries.
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    gaps.push(message);
    return failure(400, 'LocalCloudException', message);
  }

  const identity = createIdentityEndpoint(clock, principals);
  /** One proxy for the Internet, and one for each subnet: a connection comes from where its proxy is. */
  const proxies = new Map<string | undefined, ReturnType<typeof startProxy>>();
  const servers: ReturnType<typeof serverFor>[] = [];
  const proxyIn = (subnetId: string | undefined) => {
    const known = proxies.get(subnetId);
    if (known !== undefined) return known;
    const server = serverFor(subnetId);
    servers.push(server);
    const started = startProxy({
      knows: (host) => services.has(host),
      lead: (socket) => void server.emit('connection', socket),
      answer: identity.answer,
    });
    proxies.set(subnetId, started);
    return started;
  };
  const proxy = await proxyIn(undefined);
  const environmentOf = ({ url }: { readonly url: string }) => ({
    HTTPS_PROXY: url,
    NO_PROXY: '127.0.0.1',
    NODE_EXTRA_CA_CERTS: file,
  });
  return {
    ca,
    proxy: proxy.url,
    identity: identity.at(proxy.url),
    serve: (host, service) => void services.set(host.toLowerCase(), service),
    environment: () => environmentOf(proxy),
    environmentIn: async (subnetId) => environmentOf(await proxyIn(subnetId)),
    gaps,
    async stop() {
      for (const server of servers) server.closeAllConnections();
      for (const started of proxies.values()) await (await started).stop();
      remove();
    },
  };
}

function refusalOf(fault: FaultKind): Failure | undefined {
  switch (fault.kind) {
    case 'throttle':
      // Clients prefer the second header, so that a test need not wait for the first.
      return failure(429, 'TooManyRequests', 'an injected throttling fault of the local cloud', {
        'retry-after': '1',
        'x-ms-retry-after-ms': '20',
      });
    case 'serverError':
      return failure(500, 'InternalServerError', 'an injected fault of the local cloud');
    case 'error':
      return failure(fault.status, fault.code, fault.message);
    case 'timeout':
    case 'reset':
    case 'drop':
    case 'stale':
    case 'crash':
      return undefined;
  }
}

async function receive(request: IncomingMessage, subnetId: string | undefined): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const host = (request.headers.host ?? '').replace(/:443$/, '').toLowerCase();
  return {
    method: request.method ?? 'GET',
    host,
    url: new URL(request.url ?? '/', `https://${host}`),
    headers: request.headers,
    body: Buffer.concat(chunks),
    subnetId,
  };
}
