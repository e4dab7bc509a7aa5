// What the clouds would have answered to a resource or a question of the Pulumi program; each cloud's own file knows
// its answers.
import * as aws from './aws/graph-mocks.ts';
import type { Place as AwsPlace } from './aws/place.ts';
import * as azure from './azure/graph-mocks.ts';
import type { Answer, Registration } from './registration.ts';

/** Where a stack stands in each cloud. */
export interface Places {
  readonly aws: AwsPlace;
  readonly azure: azure.AzurePlace;
}

/** Where a stack stands by its config. */
export function placeOf(config: Readonly<Record<string, string>>): Places {
  return { aws: aws.placeOf(config), azure: azure.placeOf(config) };
}

/**
 * A resource as its cloud would have made it.
 *
 * @throws Error on a type that is not known: nothing is made up
 */
export function answerRegistration(places: Places, stack: string, registration: Registration): Answer {
  return registration.type.startsWith('azure-native:')
    ? azure.answerRegistration(places.azure, stack, registration)
    : aws.answerRegistration(places.aws, stack, registration);
}

/**
 * The answer to a question of the program.
 *
 * @throws Error on a question that is not known
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
