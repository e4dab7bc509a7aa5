// AWS's answers to the Pulumi program's resources and function calls: names, ARNs and URLs that look real.
import { createHash } from 'node:crypto';
import type { Answer, Registration } from '../registration.ts';
import type { Place } from './place.ts';

/** The location of a stack: the region in its config, eu-west-1 by default. */
export function placeOf(config: Readonly<Record<string, string>>): Place {
  return { partition: 'aws', account: '123456789012', region: config['aws:region'] ?? 'eu-west-1' };
}

/**
 * Returns a resource as AWS would create it.
 *
 * @param kept the stack's state, which keeps the names that Pulumi made up
 * @throws Error for an unknown type; answers are never guessed
 */
export function answerRegistration(place: Place, kept: string, registration: Registration): Answer {
  const answer = TYPES[registration.type];
  if (answer === undefined) {
    throw new Error(
      `the local cloud does not know ${registration.type} (${registration.name}); add AWS's answer to local/aws/graph-mocks.ts`,
    );
  }
  // Pulumi's auto-naming: the name in the program, and a random suffix, which the state keeps.
  const suffix = createHash('sha256').update(`${kept} ${registration.type} ${registration.name}`).digest('hex');
  const { name = `${registration.name}-${suffix.slice(0, 7)}` } = registration.inputs;
  const arn = (service: string, rest: string) =>
    `arn:${place.partition}:${service}:${place.region}:${place.account}:${rest}`;
  const { id, ...state } = answer({
    name: String(name),
    place,
    arn,
    inputs: registration.inputs,
    uuid: uuidOf(suffix),
  });
  return { id, state: { ...registration.inputs, ...state } };
}

/**
 * Returns the answer to a function call of the program.
 *
 * @throws Error for an unknown call
 */
export function answerCall(place: Place, token: string): Record<string, unknown> {
  const { partition, region, account } = place;
  switch (token) {
    case 'aws:index/getCallerIdentity:getCallerIdentity':
      return {
        accountId: account,
        arn: `arn:${partition}:iam::${account}:role/deployer`,
        id: account,
        userId: 'AROAEXAMPLE',
      };
    case 'aws:index/getPartition:getPartition':
      return { partition, dnsSuffix: 'amazonaws.com', id: partition, reverseDnsPrefix: 'com.amazonaws' };
    case 'aws:index/getRegion:getRegion':
      return { region, name: region, id: region, description: region, endpoint: `ec2.${region}.amazonaws.com` };
    default:
      throw new Error(`the local cloud does not know the call ${token}; add AWS's answer to local/aws/graph-mocks.ts`);
  }
}

interface Made {
  readonly name: string;
  readonly place: Place;
  readonly arn: (service: string, rest: string) => string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly uuid: string;
}

const TYPES: Readonly<Record<string, (made: Made) => { readonly id: string; readonly [output: string]: unknown }>> = {
  'aws:cloudwatch/eventRule:EventRule': ({ name, arn }) => ({ id: name, name, arn: arn('events', `rule/${name}`) }),
  'aws:cloudwatch/eventTarget:EventTarget': ({ inputs, uuid }) => ({ id: `${inputs['rule']}-${uuid}`, targetId: uuid }),
  // A dashboard has exactly the given name, and no region.
  'aws:cloudwatch/dashboard:Dashboard': ({ inputs, place }) => {
    const dashboardName = String(inputs['dashboardName']);
    const arn = `arn:${place.partition}:cloudwatch::${place.account}:dashboard/${dashboardName}`;
    return { id: dashboardName, dashboardName, dashboardArn: arn };
  },
  'aws:cloudwatch/logGroup:LogGroup': ({ name, arn }) => ({ id: name, name, arn: arn('logs', `log-group:${name}`) }),
  'aws:cloudwatch/logMetricFilter:LogMetricFilter': ({ name }) => ({ id: name, name }),
  'aws:cloudwatch/metricAlarm:MetricAlarm': ({ name, arn }) => ({
    id: name,
    name,
    arn: arn('cloudwatch', `alarm:${name}`),
  }),
  'aws:dynamodb/table:Table': ({ name, arn }) => ({ id: name, name, arn: arn('dynamodb', `table/${name}`) }),
  'aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration': ({ place }) => ({
    id: place.account,
    registryId: place.account,
  }),
  'aws:iam/role:Role': ({ name, place }) => ({
    id: name,
    name,
    arn: `arn:${place.partition}:iam::${place.account}:role/${name}`,
  }),
  'aws:iam/rolePolicy:RolePolicy': ({ name, inputs }) => ({ id: `${inputs['role']}:${name}`, name }),
  'aws:inspector2/enabler:Enabler': ({ place }) => ({ id: `${place.account}-ECR` }),
  'aws:kms/alias:Alias': ({ name, arn }) => {
    const alias = name.startsWith('alias/') ? name : `alias/${name}`;
    return { id: alias, name: alias, arn: arn('kms', alias) };
  },
  'aws:kms/key:Key': ({ uuid, arn }) => ({ id: uuid, keyId: uuid, arn: arn('kms', `key/${uuid}`) }),
  'aws:lambda/eventSourceMapping:EventSourceMapping': ({ uuid, arn }) => ({
    id: uuid,
    uuid,
    arn: arn('lambda', `event-source-mapping:${uuid}`),
  }),
  'aws:lambda/function:Function': ({ name, arn }) => ({ id: name, name, arn: arn('lambda', `function:${name}`) }),
  'aws:sns/topic:Topic': ({ name, arn }) => ({ id: arn('sns', name), name, arn: arn('sns', name) }),
  'aws:sns/topicPolicy:TopicPolicy': ({ inputs }) => ({ id: String(inputs['arn']) }),
  'aws:sns/topicSubscription:TopicSubscription': ({ inputs, uuid }) => {
    const arn = `${inputs['topic']}:${uuid}`;
    return { id: arn, arn };
  },
  'aws:sqs/queue:Queue': ({ name, place, arn }) => {
    const url = `https://sqs.${place.region}.amazonaws.com/${place.account}/${name}`;
    return { id: url, url, name, arn: arn('sqs', name) };
  },
  'aws:sqs/queuePolicy:QueuePolicy': ({ inputs }) => ({ id: String(inputs['queueUrl']) }),
};

/** A UUID from hexadecimal digits. */
function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
