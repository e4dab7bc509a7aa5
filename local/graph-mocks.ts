// The answers of the clouds to the Pulumi program's resources and function calls. Each cloud's own file has its
// answers.
import * as aws from './aws/graph-mocks.ts';
import type { Place as AwsPlace } from './aws/place.ts';
import * as azure from './azure/graph-mocks.ts';
import type { Answer, Registration } from './registration.ts';

/** The location of a stack in each cloud. */
export interface Places {
  readonly aws: AwsPlace;
  readonly azure: azure.AzurePlace;
}

/** The location of a stack according to its config. */
export function placeOf(config: Readonly<Record<string, string>>): Places {
  return { aws: aws.placeOf(config), azure: azure.placeOf(config) };
}

/**
 * Returns a resource as its cloud would create it.
 *
 * @throws Error for an unknown type; answers are never guessed
 */
export function answerRegistration(places: Places, kept: string, registration: Registration): Answer {
  return registration.type.startsWith('azure-native:')
    ? azure.answerRegistration(places.azure, kept, registration)
    : aws.answerRegistration(places.aws, kept, registration);
}

/**
 * Returns the answer to a function call of the program.
 *
 * @throws Error for an unknown call
 */
export function answerCall(
  places: Places,
  token: string,
  inputs: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return token.startsWith('azure-native:')
    ? azure.answerCall(places.azure, token, inputs)
    : aws.answerCall(places.aws, token);
}
