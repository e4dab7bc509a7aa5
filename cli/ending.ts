// How a command ends: its exit code, and what is said where something went wrong.

/** 0: done. 1: something could not be done, and is named. 2: nothing was changed: the command was wrong, or nobody agreed. */
export type ExitCode = 0 | 1 | 2;

/** Something that the user can put right: told in a sentence, and the command exits with 2. */
export class UsageError extends Error {}

export interface Ending {
  readonly code: ExitCode;
  readonly text: string;
}

/** What to say of an error. A defect keeps its stack trace; what the user or the cloud did is a sentence. */
export function endingOf(error: unknown): Ending {
  if (error instanceof UsageError) return { code: 2, text: error.message };
  if (error instanceof Error && error.name === 'CredentialsProviderError') {
    return { code: 2, text: `there are no AWS credentials here (${error.message}): log in, or set AWS_PROFILE` };
  }
  if (error instanceof Error && CREDENTIAL_ERRORS.includes(error.name)) {
    return { code: 2, text: `there are no Azure credentials here: log in (az login)\n${error.message}` };
  }
  if (isOfAzure(error)) return { code: 1, text: `Azure did not do what was asked. ${sentenceOf(error)}` };
  if (isOfAws(error)) return { code: 1, text: `AWS did not do what was asked. ${sentenceOf(error)}` };
  return { code: 1, text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** An error in one line: what the cloud calls it, and its words. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
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

function isOfAzure(error: unknown): boolean {
  return error instanceof Error && error.name === 'RestError';
}

/** The SDK marks what came of a request, an answer or none. */
function isOfAws(error: unknown): boolean {
  return error instanceof Error && '$metadata' in error;
}
