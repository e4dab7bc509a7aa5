// How a command ends: its exit code, and what it says if something failed.

/** 0: done. 1: something failed and is named. 2: wrong usage or no consent; nothing was changed. */
export type ExitCode = 0 | 1 | 2;

/** Something that the user can correct: reported in a sentence, and the command exits with 2. */
export class UsageError extends Error {}

export interface Ending {
  readonly code: ExitCode;
  readonly text: string;
}

/** What a command does to the clouds. Reading needs fewer permissions. */
export type Access = 'changes' | 'reads';

/** What to say about an error. A defect keeps its stack trace; an error of the user or a cloud is a sentence. */
export function endingOf(error: unknown, access: Access = 'changes'): Ending {
  if (error instanceof UsageError) return { code: 2, text: error.message };
  if (error instanceof Error && error.name === 'CredentialsProviderError') {
    return { code: 2, text: `there are no AWS credentials here (${error.message}): log in, or set AWS_PROFILE` };
  }
  if (error instanceof Error && CREDENTIAL_ERRORS.includes(error.name)) {
    return {
      code: 2,
      text: `there are no Azure credentials here${whyNot(error)}: log in (az login), or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET`,
    };
  }
  if (isOfAzure(error)) return { code: 1, text: `the request to Azure failed. ${sentenceOf(error, access)}` };
  if (isOfAws(error)) return { code: 1, text: `the request to AWS failed. ${sentenceOf(error)}` };
  return { code: 1, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** An error in one line: its name and message; if Azure refuses the caller, the role that is missing. */
export function sentenceOf(error: unknown, access: Access = 'changes'): string {
  if (!(error instanceof Error)) return String(error);
  if (isOfAzure(error)) return azureSentence(error as Error & RestProblem, access);
  const { code } = error as NodeJS.ErrnoException;
  // If several addresses refuse a connection, the error has no message of its own.
  const words = error.message === '' ? (code ?? 'no reason was given') : error.message;
  return error.name === 'Error' ? words : `${error.name}: ${words}`;
}

/** The errors of `@azure/identity` without a login. */
const CREDENTIAL_ERRORS: readonly string[] = [
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
];

/** A source of credentials that is not configured needs no mention; one that failed does. */
function whyNot(error: Error): string {
  const [line = ''] = error.message.split('\n');
  return error.name === 'AuthenticationError' ? ` (${line.trim()})` : '';
}

/** What `@azure/core-rest-pipeline` says about a response. */
interface RestProblem {
  readonly statusCode?: number;
  readonly code?: string;
  readonly request?: { readonly url: string };
}

/** The role that reads a registry and changes its locks, in a sentence. */
export const LOCKS_ROLE = "the stack's role 'pullgate gatekeeper' on the registry";
/**
 * The role that is missing if a host refuses: Azure does not always name it. Source: README, what the commands need.
 */
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
      reads: 'AcrPull on the registry, or in the role mode abac Container Registry Repository Reader',
    },
  ],
];

/**
 * A new role assignment takes some minutes to take effect.
 * https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
 */
export function roleMissing(what: string, status: number, role: string): string {
  return `${what} answers ${status}: you need ${role}; a new role assignment takes a few minutes to take effect`;
}

function azureSentence({ name, message, statusCode, code, request }: Error & RestProblem, access: Access): string {
  const host = request === undefined ? '' : new URL(request.url).host;
  const named = ROLES.find(([hosts]) => hosts.test(host))?.[1];
  const role = typeof named === 'object' ? named[access] : named;
  if (role !== undefined && (statusCode === 401 || statusCode === 403)) return roleMissing(host, statusCode, role);
  return `${[name, code].filter((part) => part !== undefined).join(' ')}: ${message.split('\n')[0]}`;
}

function isOfAzure(error: unknown): boolean {
  return error instanceof Error && error.name === 'RestError';
}

/** The SDK marks the errors of requests. */
function isOfAws(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error;
}
