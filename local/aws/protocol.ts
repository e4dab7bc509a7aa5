// The wire protocols of the AWS services: reads requests, and writes answers and errors.
// Sources: https://smithy.io/2.0/aws/protocols/index.html, and the requests of the installed SDK clients.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Failure, failure } from './failure.ts';

const SERVICES = ['ecr', 'inspector2', 'sns', 'sqs', 'dynamodb'] as const;
export type Service = (typeof SERVICES)[number];

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request for an operation of a service, independent of its protocol. */
export interface Asked {
  readonly service: Service;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly accessKeyId: string;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Protocol = 'json' | 'restJson' | 'query';

interface Dialect {
  readonly protocol: Protocol;
  readonly contentType: string;
  readonly throttled: Failure;
  readonly denied: (message: string) => Failure;
  readonly unknownKey: Failure;
}

const TOKEN_INVALID = 'The security token included in the request is invalid.';

const DIALECTS: Readonly<Record<Service, Dialect>> = {
  ecr: {
    protocol: 'json',
    contentType: 'application/x-amz-json-1.1',
    throttled: failure('ThrottlingException', 'Rate exceeded'),
    denied: (message) => failure('AccessDeniedException', message),
    unknownKey: failure('UnrecognizedClientException', TOKEN_INVALID),
  },
  inspector2: {
    protocol: 'restJson',
    contentType: 'application/json',
    throttled: failure('ThrottlingException', 'Rate exceeded', 429),
    denied: (message) => failure('AccessDeniedException', message, 403),
    unknownKey: failure('UnrecognizedClientException', TOKEN_INVALID, 403),
  },
  sns: {
    protocol: 'query',
    contentType: 'text/xml',
    throttled: failure('Throttling', 'Rate exceeded'),
    denied: (message) => failure('AuthorizationError', message, 403),
    unknownKey: failure('InvalidClientTokenId', TOKEN_INVALID, 403),
  },
  sqs: {
    protocol: 'json',
    contentType: 'application/x-amz-json-1.0',
    throttled: failure('RequestThrottled', 'Rate exceeded'),
    denied: (message) => failure('AccessDeniedException', message),
    unknownKey: failure('UnrecognizedClientException', TOKEN_INVALID),
  },
  dynamodb: {
    protocol: 'json',
    contentType: 'application/x-amz-json-1.0',
    throttled: failure('ThrottlingException', 'Rate exceeded'),
    denied: (message) => failure('AccessDeniedException', message),
    unknownKey: failure('UnrecognizedClientException', TOKEN_INVALID),
  },
};

export const throttled = (service: Service): Failure => DIALECTS[service].throttled;
export const denied = (service: Service, message: string): Failure => DIALECTS[service].denied(message);
export const unknownKey = (service: Service): Failure => DIALECTS[service].unknownKey;

/** Inspector's operations by path. */
const INSPECTOR_PATHS: Readonly<Record<string, string>> = {
  '/findings/list': 'ListFindings',
  '/findings/aggregation/list': 'ListFindingAggregations',
  '/coverage/list': 'ListCoverage',
  '/status/batch/get': 'BatchGetAccountStatus',
};

/**
 * Reads a request of an SDK client. The signature's scope names the service; the signature itself is not verified.
 *
 * @throws Failure if the local cloud does not know the service or operation
 */
export function readRequest(request: WireRequest): Asked {
  const { headers, path } = request;
  const scope = /Credential=([^/]+)\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '');
  const [, accessKeyId, , name] = scope ?? [];
  if (accessKeyId === undefined)
    throw failure('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
  const service = SERVICES.find((one) => one === name);
  if (service === undefined) throw failure('UnknownOperationException', `the local cloud has no service ${name}`);
  const body = request.body.toString('utf8');
  switch (DIALECTS[service].protocol) {
    case 'json': {
      const operation = String(headers['x-amz-target']).split('.').at(-1) ?? '';
      return { service, operation, input: readJson(body), accessKeyId };
    }
    case 'restJson': {
      const operation = INSPECTOR_PATHS[path];
      if (operation === undefined) throw failure('UnknownOperationException', `the local cloud has no ${path}`, 404);
      return { service, operation, input: readJson(body), accessKeyId };
    }
    case 'query': {
      const form = Object.fromEntries(new URLSearchParams(body));
      return { service, operation: String(form['Action']), input: form, accessKeyId };
    }
  }
}

function readJson(body: string): Readonly<Record<string, unknown>> {
  try {
    return body === '' ? {} : JSON.parse(body);
  } catch (cause) {
    throw Object.assign(failure('SerializationException', 'the body is not JSON'), { cause });
  }
}

export function writeAnswer({ service, operation }: Pick<Asked, 'service' | 'operation'>, output: object): WireAnswer {
  const { protocol, contentType } = DIALECTS[service];
  const id = randomUUID();
  const headers = { 'content-type': contentType, 'x-amzn-requestid': id };
  if (protocol !== 'query') return { status: 200, headers, body: JSON.stringify(output) };
  const fields = Object.entries(output).map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`);
  const body = `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><${operation}Result>${fields.join('')}</${operation}Result><ResponseMetadata><RequestId>${id}</RequestId></ResponseMetadata></${operation}Response>`;
  return { status: 200, headers, body };
}

export function writeFailure(service: Service | undefined, { code, message, status }: Failure): WireAnswer {
  const { protocol, contentType } = DIALECTS[service ?? 'ecr'];
  const id = randomUUID();
  const headers = { 'content-type': contentType, 'x-amzn-requestid': id };
  switch (protocol) {
    case 'json':
      return { status, headers, body: JSON.stringify({ __type: code, message }) };
    case 'restJson':
      return { status, headers: { ...headers, 'x-amzn-errortype': code }, body: JSON.stringify({ message }) };
    case 'query': {
      const type = status >= 500 ? 'Receiver' : 'Sender';
      const body = `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${type}</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${id}</RequestId></ErrorResponse>`;
      return { status, headers, body };
    }
  }
}

const XML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => XML[character] ?? character);
}
