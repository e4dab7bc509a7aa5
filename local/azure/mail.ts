// The mail service of Communication Services: accepts a message, reports its status, and keeps the sent messages.
// Source: https://learn.microsoft.com/rest/api/communication/email/email/send
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import type { Service, Step } from './service.ts';
import { header, json, jsonBody, type WireAnswer, type WireRequest } from './wire.ts';

/** azure-native:communication:CommunicationService, with its linked domains. */
export interface MailResource {
  /** The ARM id of the Communication Service. */
  readonly id: string;
  /** `NAME.europe.communication.azure.com` */
  readonly host: string;
  /** The addresses that it may send from: for an Azure-managed domain, `DoNotReply@` its mailFromSenderDomain. */
  readonly senders: readonly string[];
}

export interface MailSent {
  readonly id: string;
  readonly sender: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly plainText: string | undefined;
  readonly html: string | undefined;
  readonly at: Date;
}

export interface Mails {
  deploy(resource: MailResource): void;
  /** In order, for all services. */
  readonly sent: MailSent[];
  readonly service: Service;
}

/**
 * A Communication Service accepts only tokens for this audience.
 * Source: https://learn.microsoft.com/rest/api/communication/authentication
 */
const AUDIENCE = 'https://communication.azure.com';
/** Source: https://learn.microsoft.com/azure/communication-services/concepts/service-limits#email */
const MAX_RECIPIENTS = 50;
/**
 * Source:
 * https://learn.microsoft.com/azure/communication-services/quickstarts/email/send-email-smtp/smtp-authentication
 */
const ACTIONS = ['CommunicationServices/Read', 'CommunicationServices/Write', 'EmailServices/Write'];

export function createMails(
  clock: Clock,
  principals: Principals,
  serve: (host: string, service: Service) => void,
): Mails {
  const resources = new Map<string, MailResource>();
  const sent: MailSent[] = [];
  /** By operation id. A client may repeat a request with the same id, and the mail is sent only once. */
  const operations = new Set<string>();

  const service: Service = {
    name: 'mail',
    read(request) {
      const resource = resources.get(request.host);
      if (resource === undefined) throw new Error(`no Communication Service has the host ${request.host}`);
      const { method, url } = request;
      const needs = ACTIONS.map((action) => ({
        action: `Microsoft.Communication/${action}`,
        data: false,
        scope: resource.id,
      }));
      const step = (operation: string, input: Step['input'], run: () => WireAnswer): Step => ({
        operation,
        input,
        needs,
        run,
      });
      if (method === 'POST' && url.pathname === '/emails:send')
        return step('Send', jsonBody(request) ?? {}, () => send(request, resource));
      const [, id] = /^\/emails\/operations\/([^/]+)$/.exec(url.pathname) ?? [];
      if (method === 'GET' && id !== undefined)
        return step('GetOperation', { id }, () => {
          if (!operations.has(id)) throw failure(404, 'NotFound', `no operation ${id}`);
          return json(200, { id, status: 'Succeeded', error: null });
        });
      throw new Error(`the local mail service has no ${method} ${url.pathname}`);
    },
    authenticate: (request) => principals.authenticate(request, [AUDIENCE]),
    refuse: ({ status, code, message, headers }) =>
      json(status, { error: { code, message } }, { ...headers, 'x-ms-error-code': code }),
  };

  function send(request: WireRequest, { host, senders }: MailResource): WireAnswer {
    const message = readMessage(request);
    if (!senders.some((one) => one.toLowerCase() === message.sender.toLowerCase()))
      throw failure(
        404,
        'DomainNotLinked',
        `The specified sender domain has not been linked: ${message.sender}; linked is ${senders.join(', ')}`,
      );
    const id = header(request, 'operation-id') ?? randomUUID();
    if (!operations.has(id)) sent.push({ id, ...message, at: clock.now() });
    operations.add(id);
    const location = `https://${host}/emails/operations/${id}?api-version=${request.url.searchParams.get('api-version')}`;
    return json(202, { id, status: 'Running', error: null }, { 'operation-location': location, 'retry-after': '0' });
  }

  return {
    deploy(resource) {
      resources.set(resource.host.toLowerCase(), resource);
      serve(resource.host, service);
    },
    sent,
    service,
  };
}

/** @throws Failure if the message is invalid */
function readMessage(request: WireRequest): Omit<MailSent, 'id' | 'at'> {
  const body: {
    senderAddress?: unknown;
    content?: { subject?: unknown; plainText?: unknown; html?: unknown };
    recipients?: { to?: readonly { address?: unknown }[] };
  } = jsonBody(request) ?? {};
  const { senderAddress, content, recipients } = body;
  const to = (recipients?.to ?? []).map(({ address }) => String(address));
  const wrong = to.find((address) => !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(address));
  if (typeof senderAddress !== 'string' || typeof content?.subject !== 'string' || content.subject === '')
    throw failure(400, 'BadRequest', 'a mail needs a senderAddress and a content.subject');
  if (typeof content.plainText !== 'string' && typeof content.html !== 'string')
    throw failure(400, 'BadRequest', 'a mail needs content.plainText or content.html');
  if (to.length === 0 || to.length > MAX_RECIPIENTS)
    throw failure(400, 'BadRequest', `a mail must have 1 to ${MAX_RECIPIENTS} recipients; got ${to.length}`);
  if (wrong !== undefined) throw failure(400, 'InvalidEmailAddress', `invalid recipient address: ${wrong}`);
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    sender: senderAddress,
    to,
    subject: content.subject,
    plainText: text(content.plainText),
    html: text(content.html),
  };
}
