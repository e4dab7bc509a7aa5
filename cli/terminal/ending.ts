// How a command ends: its exit code, and the message if something failed.

/** 0: done. 1: something failed, and the output names it. 2: wrong usage or not confirmed; nothing was changed. */
export type ExitCode = 0 | 1 | 2;

/** An error that the user can correct. It is reported as a sentence, and the command exits with 2. */
export class UsageError extends Error {}

export interface Ending {
  readonly code: ExitCode;
  readonly text: string;
}

/** Whether a command changes anything in the clouds. Reading needs fewer permissions. */
export type Access = 'changes' | 'reads';

/** Turns an error into a message. A bug keeps its stack trace; an error of the user or a cloud becomes a sentence. */
export function endingOf(error: unknown, access: Access = 'changes'): Ending {
  if (error instanceof UsageError) return { code: 2, text: error.message };
  if (error instanceof Error && error.name === 'CredentialsProviderError') {
    return { code: 2, text: `no AWS credentials found (${error.message}): log in, or set AWS_PROFILE` };
  }
  if (error instanceof Error && CREDENTIAL_ERRORS.includes(error.name)) {
    return {
      code: 2,
      text: `no Azure credentials found${whyNot(error)}: log in (az login), or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET`,
    };
  }
  const more = isDenied(error) ? `\n${PERMISSIONS}` : '';
  if (isOfAzure(error)) return { code: 1, text: `the request to Azure failed. ${sentenceOf(error, access)}${more}` };
  if (isOfAws(error)) return { code: 1, text: `the request to AWS failed. ${sentenceOf(error)}${more}` };
  return { code: 1, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

const PERMISSIONS = 'docs/permissions.md lists the permissions that each command needs.';

/** Does a cloud deny access? A refused network has the same status, but needs no permission. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (isOfAzure(error)) return [401, 403].includes((error as RestProblem).statusCode ?? 0) && !isRefusedNetwork(error);
  return /^AccessDenied(Exception)?$/.test(error.name);
}

/** Is it an error of a cloud, or of the credentials for it? Any other error is a bug or wrong usage. */
export function isOfCloud(error: unknown): boolean {
  const isOfCredentials =
    error instanceof Error && [...CREDENTIAL_ERRORS, 'CredentialsProviderError'].includes(error.name);
  return isOfCredentials || isOfAzure(error) || isOfAws(error);
}

/** Describes an error in one line: its name and message or, if Azure denies access, the missing role. */
export function sentenceOf(error: unknown, access: Access = 'changes'): string {
  if (!(error instanceof Error)) return String(error);
  if (isOfAzure(error)) return azureSentence(error as Error & RestProblem, access);
  const { code } = error as NodeJS.ErrnoException;
  // If several addresses refuse a connection, the error has an empty message.
  const words = error.message === '' ? (code ?? 'no reason given') : error.message;
  return error.name === 'Error' ? words : `${error.name}: ${words}`;
}

/** The errors that `@azure/identity` throws without a login. */
const CREDENTIAL_ERRORS: readonly string[] = [
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
];

/** Mentions a credential source that failed, but not one that is not configured. */
function whyNot(error: Error): string {
  const [line = ''] = error.message.split('\n');
  return error.name === 'AuthenticationError' ? ` (${line.trim()})` : '';
}

/** The fields of an error of `@azure/core-rest-pipeline`. */
interface RestProblem {
  readonly statusCode?: number;
  readonly code?: string;
  readonly request?: { readonly url: string };
}

/** The role that reads a registry and changes its locks, as part of a sentence. */
export const LOCKS_ROLE = "the stack's role 'pullgate gatekeeper' on the registry";
/** The missing role if a host denies access, because Azure does not always name it. Source: docs/permissions.md. */
const ROLES: readonly (readonly [host: RegExp, role: string | Readonly<Record<Access, string>>])[] = [
  [
    /[.]table[.]/,
    {
      changes: 'Storage Table Data Contributor on the table of the stack',
      reads: 'Storage Table Data Reader on the table of the stack',
    },
  ],
  [/[.]queue[.]/, 'Storage Queue Data Reader on the poison queue of the stack'],
  [/[.]communication[.]/, "the stack's role 'pullgate mail sender' on its Communication Service"],
  [/^management[.]/, { changes: LOCKS_ROLE, reads: 'Reader on the registry' }],
  [
    /./,
    {
      changes: LOCKS_ROLE,
      reads: 'AcrPull on the registry (in the role assignment mode abac, Container Registry Repository Reader)',
    },
  ],
];

/**
 * Does a registry refuse the network that the request comes from? Its status is that of a missing role.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
 */
export function isRefusedNetwork({ message }: Error): boolean {
  return message.includes('is not allowed access');
}

/**
 * A new role assignment takes a few minutes to take effect.
 * https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
 */
export function roleMissing(what: string, status: number, role: string): string {
  return `${what} returned ${status}: you need ${role}; a new role assignment takes a few minutes to take effect`;
}

function azureSentence(error: Error & RestProblem, access: Access): string {
  const { name, message, statusCode, code, request } = error;
  const host = request === undefined ? '' : new URL(request.url).host;
  if (isRefusedNetwork(error))
    return `${host} returned ${statusCode}: it does not admit your network; run this command from a network that it admits`;
  const named = ROLES.find(([hosts]) => hosts.test(host))?.[1];
  const role = typeof named === 'object' ? named[access] : named;
  if (role !== undefined && (statusCode === 401 || statusCode === 403)) return roleMissing(host, statusCode, role);
  return `${[name, code].filter((part) => part !== undefined).join(' ')}: ${message.split('\n')[0]}`;
}

function isOfAzure(error: unknown): boolean {
  return error instanceof Error && error.name === 'RestError';
}

/** The SDK adds `$metadata` to the errors of requests. */
function isOfAws(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error;
}
