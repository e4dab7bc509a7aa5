// CloudTrail's records of ECR's API calls, as EventBridge gets them if the account has a trail.
// Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html,
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ecr.html,
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Call } from './calls.ts';
import type { Bus } from './events.ts';
import type { Place } from './place.ts';

/** The trail of the account. */
export interface Trail {
  /** Begins to log management events. Default: the account has no trail, so the bus gets no record of a call. */
  start(): void;
}

export interface RunningTrail extends Trail {
  /**
   * Records a call that was made.
   *
   * @param errorCode why it was refused. Undefined: it succeeded
   */
  record(call: Call, errorCode: string | undefined): Promise<void>;
}

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly bus: Bus;
}

/**
 * Rules get these calls only in a state that pullgate's rules do not have.
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail-management.html
 */
const READ_ONLY = /^(?:Get|List|Describe)/;

export function createTrail({ place, clock, bus }: Parts): RunningTrail {
  let isOn = false;
  return {
    start() {
      isOn = true;
    },
    async record({ service, operation, input, principal, accessKeyId }, errorCode) {
      if (!isOn || service !== 'ecr' || READ_ONLY.test(operation)) return;
      await bus.put({
        source: 'aws.ecr',
        'detail-type': 'AWS API Call via CloudTrail',
        detail: {
          eventVersion: '1.08',
          userIdentity: userIdentity(principal.arn, accessKeyId, clock.now()),
          eventTime: clock
            .now()
            .toISOString()
            .replace(/\.\d+Z$/, 'Z'),
          eventSource: 'ecr.amazonaws.com',
          eventName: operation,
          awsRegion: place.region,
          sourceIPAddress: '192.0.2.1',
          userAgent: 'local',
          ...(errorCode === undefined ? {} : { errorCode }),
          requestParameters: input,
          responseElements: null,
          requestID: randomUUID(),
          eventID: randomUUID(),
          readOnly: false,
          eventType: 'AwsApiCall',
          managementEvent: true,
          recipientAccountId: place.account,
          eventCategory: 'Management',
        },
      });
    },
  };
}

/**
 * The caller as CloudTrail names it. A caller that the local cloud knows by its role's ARN is a session of that role.
 * Source: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
 */
function userIdentity(arn: string, accessKeyId: string, now: Date): object {
  const [, partition, accountId, kind, rest = ''] =
    /^arn:([^:]+):(?:iam|sts)::(\d+):(assumed-role|role|user|root)(?:\/(.+))?$/.exec(arn) ?? [];
  const common = { accountId, accessKeyId };
  switch (kind) {
    case 'root':
      return { type: 'Root', principalId: accountId, arn, ...common };
    case 'user':
      return { type: 'IAMUser', principalId: 'AIDALOCAL', arn, ...common, userName: rest.split('/').at(-1) };
    case 'role':
    case 'assumed-role': {
      const path = kind === 'role' ? rest : (rest.split('/')[0] ?? '');
      const userName = path.split('/').at(-1);
      const session = kind === 'role' ? 'session' : rest.split('/')[1];
      const issuerArn = `arn:${partition}:iam::${accountId}:role/${path}`;
      return {
        type: 'AssumedRole',
        principalId: `AROALOCAL:${session}`,
        arn: `arn:${partition}:sts::${accountId}:assumed-role/${userName}/${session}`,
        ...common,
        sessionContext: {
          sessionIssuer: { type: 'Role', principalId: 'AROALOCAL', arn: issuerArn, accountId, userName },
          attributes: { creationDate: now.toISOString(), mfaAuthenticated: 'false' },
        },
      };
    }
  }
  throw new Error(`the local CloudTrail knows sessions of roles, users and the root user; the caller is ${arn}`);
}
