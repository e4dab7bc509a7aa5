// Grouping a batch by repository: the request for each repository, and the messages that wait for its result.
import type { SQSRecord } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { groupByRepository, type Received } from '../../../aws/function/group.ts';
import type { Named } from '../../../aws/function/parse.ts';
import { digest } from '../../shared/samples.ts';
import { ACCOUNT_ID } from './samples.ts';

function message(messageId: string): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt of ${messageId}`,
    body: '',
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'events',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:eu-west-1:${ACCOUNT_ID}:pullgate`,
    awsRegion: 'eu-west-1',
  };
}

function images(first: Named, ...others: Named[]): Received['message'] {
  return { kind: 'images', images: [first, ...others] };
}

/** The groups of messages named a, b, c and so on. Each group lists the names of its messages. */
function grouped(...requests: Received['message'][]) {
  const received = requests.map((request, index) => ({ delivery: message('abcdef'.charAt(index)), message: request }));
  return groupByRepository(received, ACCOUNT_ID).map(({ request, deliveries, deliveriesByFinding }) => ({
    ...request,
    messages: deliveries.map(({ messageId }) => messageId).join(''),
    reports: [...deliveriesByFinding].map(([id, reporting]) => [
      id,
      reporting.map(({ messageId }) => messageId).join(''),
    ]),
  }));
}

const gate = { registry: ACCOUNT_ID, repository: 'team/app' };
const push: Named = { repository: 'team/app', digest: digest(1), trigger: 'push' };
const at = '2026-03-02T09:00:00Z';
const found: Named = {
  repository: 'team/app',
  digest: digest(1),
  trigger: 'finding',
  namedReport: { id: 'finding-1', at },
};

describe('a batch', () => {
  it('that is empty has no groups', () => {
    expect(grouped()).toEqual([]);
  });

  it('of messages that name no repository has no groups', () => {
    expect(grouped({ kind: 'tick' }, { kind: 'sweep' })).toEqual([]);
  });

  it('of repeated messages causes one reconciliation', () => {
    expect(grouped(images(found), images(found), images(found))).toEqual([
      {
        gate,
        scope: [digest(1)],
        triggers: ['finding'],
        namedReports: [
          { id: 'finding-1', digest: digest(1), status: 'active', at },
          { id: 'finding-1', digest: digest(1), status: 'active', at },
          { id: 'finding-1', digest: digest(1), status: 'active', at },
        ],
        messages: 'abc',
        reports: [['finding-1', 'abc']],
      },
    ]);
  });

  it('about two images of a repository causes one reconciliation of both', () => {
    const other: Named = { ...found, digest: digest(2), namedReport: { id: 'finding-2', at } };
    expect(grouped(images(push), images(found), images(other))).toEqual([
      {
        gate,
        scope: [digest(1), digest(2)],
        triggers: ['push', 'finding'],
        namedReports: [
          { id: 'finding-1', digest: digest(1), status: 'active', at },
          { id: 'finding-2', digest: digest(2), status: 'active', at },
        ],
        messages: 'abc',
        reports: [
          ['finding-1', 'b'],
          ['finding-2', 'c'],
        ],
      },
    ]);
  });

  it('about two repositories causes one reconciliation of each', () => {
    const groups = grouped(images(push), images({ ...push, repository: 'team/other' }), { kind: 'tick' });
    expect(groups.map((group) => [group.gate.repository, group.scope, group.messages])).toEqual([
      ['team/app', [digest(1)], 'a'],
      ['team/other', [digest(1)], 'b'],
    ]);
  });

  it('with changes of the lock names the last one, whatever else is in the batch', () => {
    const change = (who: string, second: number): Received['message'] => ({
      kind: 'reconcile',
      repository: 'team/app',
      trigger: 'lock',
      changedBy: { who, call: 'DeleteRepositoryPolicy', at: `2026-03-02T09:00:0${second}Z` },
    });
    const tick: Received['message'] = { kind: 'reconcile', repository: 'team/app', trigger: 'lock' };
    const [group, ...others] = grouped(change('ada', 1), images(push), change('grace', 3), change('alan', 2), tick);
    expect(others).toEqual([]);
    expect(group).toMatchObject({
      triggers: ['lock', 'push'],
      scope: 'all',
      changedBy: { who: 'grace', call: 'DeleteRepositoryPolicy', at: '2026-03-02T09:00:03Z' },
    });
    expect(grouped(tick)[0]?.changedBy).toBeUndefined();
  });

  it('with one request for all images requests all images, and keeps the reported findings', () => {
    expect(grouped(images(found), { kind: 'reconcile', repository: 'team/app', trigger: 'sweep' })).toEqual([
      {
        gate,
        scope: 'all',
        triggers: ['finding', 'sweep'],
        namedReports: [{ id: 'finding-1', digest: digest(1), status: 'active', at }],
        messages: 'ab',
        reports: [['finding-1', 'a']],
      },
    ]);
  });

  it('with one message about two images of one repository has one group with that message', () => {
    const groups = grouped(images(found, { ...found, digest: digest(2) }));
    expect(groups.map(({ scope, messages }) => [scope, messages])).toEqual([[[digest(1), digest(2)], 'a']]);
  });

  it('with one message about two repositories has two groups with that message', () => {
    const groups = grouped(images(found, { ...found, repository: 'team/other' }));
    expect(groups.map((group) => [group.gate.repository, group.messages, group.reports])).toEqual([
      ['team/app', 'a', [['finding-1', 'a']]],
      ['team/other', 'a', [['finding-1', 'a']]],
    ]);
  });

  it('about a finding that is no longer active has no reported findings', () => {
    const groups = grouped(images({ ...found, namedReport: undefined }));
    expect(groups.map(({ namedReports, reports }) => ({ namedReports: namedReports, reports }))).toEqual([
      { namedReports: [], reports: [] },
    ]);
  });
});
