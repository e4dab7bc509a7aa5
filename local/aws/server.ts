// The one port of the local cloud: every request is parsed, logged, subjected to faults, authorized, and answered.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { FaultKind } from '../faults.ts';
import { type OciAnswer, ociError } from '../oci-uploads.ts';
import { createStaleAnswers } from '../stale.ts';
import type { Call, CallLog } from './calls.ts';
import { type Failure, failure, isFailure } from './failure.ts';
import type { FaultBox } from './faults.ts';
import type { Iam } from './iam.ts';
import type { ServiceApi } from './operation.ts';
import type { Principals } from './principals.ts';
import {
  type Asked,
  denied,
  readRequest,
  type Service,
  throttled,
  unknownKey,
  type WireRequest,
  writeAnswer,
  writeFailure,
} from './protocol.ts';
import type { RegistryStep } from './registry.ts';
import type { RunningTrail } from './trail.ts';

interface Parts {
  readonly clock: Clock;
  readonly principals: Principals;
  readonly iam: Iam;
  readonly calls: CallLog;
  readonly faults: FaultBox;
  readonly trail: RunningTrail;
  readonly services: Readonly<Record<Service, ServiceApi>>;
  readonly registry: { read(request: WireRequest): RegistryStep | OciAnswer };
  /** Kills the function's process that holds this access key. */
  readonly crash: (accessKeyId: string) => Promise<void>;
}

export interface Server {
  readonly endpoint: string;
  stop(): Promise<void>;
}

type Answer = OciAnswer;
/** What happens to a connection that gets no answer. */
type NoAnswer = 'hold' | 'break';

export async function startServer(parts: Parts): Promise<Server> {
  const { clock, principals, iam, calls, faults, trail, services, registry, crash } = parts;
  const staleAnswers = createStaleAnswers<Call, Answer>(clock, faults);

  async function answerTo(request: WireRequest): Promise<Answer | NoAnswer> {
    if (request.path.startsWith('/v2/')) {
      const step = registry.read(request);
      if (!('call' in step)) return step;
      return disturbed(step.call, step.run, (fault) => ociError(fault.status, fault.code, fault.message));
    }
    let asked: Asked | undefined;
    try {
      asked = readRequest(request);
      return await serve(asked);
    } catch (error) {
      return writeFailure(asked?.service, failureFrom(error));
    }
  }

  async function serve(asked: Asked): Promise<Answer | NoAnswer> {
    const { service, operation, input, accessKeyId } = asked;
    const principal = principals.byAccessKey(accessKeyId);
    if (principal === undefined) throw unknownKey(service);
    const call: Call = { service, operation, input, principal, accessKeyId };
    const work = async (): Promise<Answer> => {
      const output = await perform(call, service).catch(async (error: unknown) => {
        await trail.record(call, failureFrom(error).code);
        throw error;
      });
      await trail.record(call, undefined);
      await calls.runAfter(call);
      return writeAnswer(asked, output);
    };
    const refuse = (error: Failure): Answer => writeFailure(service, error);
    return disturbed(call, () => work().catch((error: unknown) => refuse(failureFrom(error))), refuse);
  }

  async function perform(call: Call, service: Service): Promise<object> {
    const { operation, input, principal } = call;
    for (const need of services[service].needs(operation, input)) {
      const refused = await iam.refusal(principal, need);
      if (refused !== undefined) throw denied(service, refused);
    }
    return services[service].run(operation, input, call);
  }

  async function disturbed(
    call: Call,
    work: () => Promise<Answer>,
    refuse: (error: Failure) => Answer,
  ): Promise<Answer | NoAnswer> {
    calls.record(call);
    await calls.runBefore(call);
    const fault = faults.meet(call);
    const instead = fault === undefined ? undefined : refusalOf(fault, call);
    if (instead !== undefined) return refuse(instead);
    if (fault?.kind === 'timeout') return 'hold';
    if (fault?.kind === 'reset') return 'break';
    if (fault?.kind === 'crash' && fault.when === 'before') {
      await crash(call.accessKeyId);
      return 'break';
    }
    const stale = staleAnswers.find(call, fault);
    if (stale !== undefined) return stale;
    const answer = await work();
    staleAnswers.keep(call, answer);
    if (fault?.kind === 'crash') await crash(call.accessKeyId);
    return fault === undefined || fault.kind === 'stale' ? answer : 'break';
  }

  /**
   * The client's own time, if the request contains it. With any other time, the client would assume that its clock is
   * wrong, correct it, and retry a request that was rejected for good.
   */
  function dateOf({ headers }: IncomingMessage): Date {
    const [, year, month, day, hour, minute, second] =
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(headers['x-amz-date'])) ?? [];
    return year === undefined ? clock.now() : new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    void receive(request)
      .then(answerTo)
      .then((answer) => send(response, answer, dateOf(request)))
      .catch(() => response.destroy());
  });

  function send(response: ServerResponse, answer: Answer | NoAnswer, date: Date): void {
    if (answer === 'hold') return;
    if (answer === 'break') return void response.destroy();
    response.writeHead(answer.status, { ...answer.headers, date: date.toUTCString() }).end(answer.body);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refusalOf(fault: FaultKind, { service }: Call): Failure | undefined {
  switch (fault.kind) {
    case 'throttle':
      return service === 'oci' ? failure('TOOMANYREQUESTS', 'Rate exceeded', 429) : throttled(service);
    case 'serverError':
      return failure(
        service === 'dynamodb' ? 'InternalServerError' : 'InternalServerException',
        'an injected fault of the local cloud',
        500,
      );
    case 'error':
      return failure(fault.code, fault.message, fault.status);
    case 'timeout':
    case 'reset':
    case 'drop':
    case 'stale':
    case 'crash':
      return undefined;
  }
}

function failureFrom(error: unknown): Failure {
  if (isFailure(error)) return error;
  // A feature that the local cloud lacks, never an error of AWS. The status is a 4xx, so that no client retries.
  return failure('LocalCloudException', error instanceof Error ? error.message : String(error), 400);
}

async function receive(request: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: request.headers,
    body: Buffer.concat(chunks),
  };
}
