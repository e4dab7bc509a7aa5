// The location of the local cloud: the account, region and partition in all its ARNs.

export interface Place {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
}

export function arnOf(place: Place, service: string, rest: string): string {
  return `arn:${place.partition}:${service}:${place.region}:${place.account}:${rest}`;
}

export function repositoryArn(place: Place, repository: string): string {
  return arnOf(place, 'ecr', `repository/${repository}`);
}

/** The last part of an ARN, such as the name of a queue or a topic. */
export function nameOf(arn: string): string {
  return arn.split(':').at(-1) ?? arn;
}
