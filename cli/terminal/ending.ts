// How a command ends: its exit code, and what is said where something went wrong.

/** 0: done. 1: something could not be done, and is named. 2: nothing was changed: the command was wrong, or nobody agreed. */
export type ExitCode = 0 | 1 | 2;

/** Something that the user can put right: told in a sentence, and the command exits with 2. */
export class UsageError extends Error {}

export interface Ending {
  readonly code: ExitCode;
  readonly text: string;
}

/** What a command does to the clouds: who only looks needs less. */
export type Does = 'acts' | 'looks';

/** What to say of an error. A defect keeps its stack trace; what the user or the cloud did is a sentence. */
export function endingOf(error: unknown, does: Does = 'acts'): Ending {
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
  if (isOfAzure(error)) return { code: 1, text: `Azure did not do what was asked. ${sentenceOf(error, does)}` };
  if (isOfAws(error)) return { code: 1, text: `AWS did not do what was asked. ${sentenceOf(error)}` };
  return { code: 1, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** An error in one line: what the cloud calls it, and its words; where Azure refuses somebody, the role that is missing. */
export function sentenceOf(error: unknown, does: Does = 'acts'): string {
  if (!(error instanceof Error)) return String(error);
  if (isOfAzure(error)) return azureSentence(error as Error & RestProblem, does);
  const { code } = error as NodeJS.ErrnoException;
  // A connection that several addresses refuse is an error without words of its own.
  const words = error.message === '' ? (code ?? 'no reason was given') : error.message;
  return error.name === 'Error' ? words : `${error.name}: ${words}`;
}

/** How `@azure/identity` says that nobody is logged in. */
const CREDENTIAL_ERRORS: readonly string[] = [
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
];

/** A way that is not there is not worth a word; one that was tried and failed is. */
function whyNot(error: Error): string {
  const [line = ''] = error.message.split('\n');
  return error.name === 'AuthenticationError' ? ` (${line.trim()})` : '';
}

/** What `@azure/core-rest-pipeline` says of an answer. */
interface RestProblem {
  readonly statusCode?: number;
  readonly code?: string;
  readonly request?: { readonly url: string };
}

/** Who may see a registry and change its locks, in a sentence. */
export const LOCKS_ROLE = "the stack's role 'pullgate gatekeeper' on the registry";
/** The role that is missing where a host refuses: Azure itself does not always name it. README, what the commands need. */
const ROLES: readonly (readonly [host: RegExp, role: string | Readonly<Record<Does, string>>])[] = [
  [
    /[.]table[.]/,
    {
      acts: 'Storage Table Data Contributor on the table of the stack',
      looks: 'Storage Table Data Reader on the table of the stack',
    },
  ],
  [/[.]queue[.]/, 'Storage Queue Data Reader on the poison queue of the stack'],
  [/[.]communication[.]/, "the stack's role 'pullgate mail sender' on its Communication Service"],
  [/^management[.]/, { acts: LOCKS_ROLE, looks: 'Reader on the registry' }],
  [
    /./,
    {
      acts: LOCKS_ROLE,
      looks: 'AcrPull on the registry, or in the role mode abac Container Registry Repository Reader',
    },
  ],
];

/** A role that was given a moment ago counts some minutes later. https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected */
export function roleMissing(what: string, status: number, role: string): string {
  return `${what} answers ${status}: whoever runs this command needs ${role}; a new assignment takes some minutes to count`;
}

function azureSentence({ name, message, statusCode, code, request }: Error & RestProblem, does: Does): string {
  const host = request === undefined ? '' : new URL(request.url).host;
  const named = ROLES.find(([hosts]) => hosts.test(host))?.[1];
  const role = typeof named === 'object' ? named[does] : named;
  if (role !== undefined && (statusCode === 401 || statusCode === 403)) return roleMissing(host, statusCode, role);
  return `${[name, code].filter((part) => part !== undefined).join(' ')}: ${message.split('\n')[0]}`;
}

function isOfAzure(error: unknown): boolean {
  return error instanceof Error && error.name === 'RestError';
}

/** The SDK marks what came of a request, an answer or none. */
function isOfAws(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error;
}
