// Where the local cloud stands: the account, region and partition that all its ARNs carry.

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

/** The last part of an ARN: the name of a queue, a topic. */
export function nameOf(arn: string): string {
  return arn.split(':').at(-1) ?? arn;
}
