// The messages that the topic gets about state changes. Amazon SNS accepts a subject of at most 100 printable ASCII
// characters on one line.
import type { PublishCommand, PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNotifier } from '../../../aws/function/notify.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Notice } from '../../../shared/gate/record.ts';
import { GATE, notice } from '../../shared/samples.ts';

const NOTICE = notice({ kind: 'cleared' });
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:dev';

/** The messages that are published for a notice. */
async function published(gate: Gate, one: Notice): Promise<readonly PublishCommandInput[]> {
  const inputs: PublishCommandInput[] = [];
  const client: Pick<SNSClient, 'send'> = {
    send: async ({ input }: PublishCommand) => {
      inputs.push(input);
    },
  };
  await createNotifier(client as SNSClient, TOPIC, () => 'tagged').notify(gate, one);
  return inputs;
}

describe('a state change', () => {
  it('is published once, with attributes that a subscriber can filter by', async () => {
    expect(await published(GATE, NOTICE)).toEqual([
      {
        TopicArn: 'arn:aws:sns:eu-west-1:123456789012:dev',
        Subject: '[pullgate] clear: team/app',
        Message:
          'team/app (registry 123456789012) no longer needs to be closed. Its last blocker was cleared at 2026-06-15T12:00:00.000Z.\n',
        MessageAttributes: {
          cloud: { DataType: 'String', StringValue: 'aws' },
          change: { DataType: 'String', StringValue: 'cleared' },
          registry: { DataType: 'String', StringValue: '123456789012' },
          repository: { DataType: 'String', StringValue: 'team/app' },
        },
      },
    ]);
  });

  it('that closes a gate says that exempt principals can still pull', async () => {
    const [input] = await published(GATE, notice({ kind: 'closed' }));
    expect(input?.Message).toContain('Pulls are blocked for everyone except exempt principals.\n');
  });

  it('that restores a lock names the calls to look for, or who made one', async () => {
    const [unknown] = await published(GATE, notice({ kind: 'restored' }));
    expect(unknown?.Message).toContain(
      "\nIf someone changed it, CloudTrail's event history says who: look for SetRepositoryPolicy and DeleteRepositoryPolicy.\n",
    );
    const removedBy = { who: 'arn:aws:iam::123456789012:user/ada', call: 'DeleteRepositoryPolicy', at: NOTICE.at };
    const [known] = await published(GATE, notice({ kind: 'restored', removedBy }));
    expect(known?.Message).toContain(`${removedBy.who} called DeleteRepositoryPolicy at 2026-06-15T12:00:00.000Z.\n`);
    expect(known?.Message).not.toContain('CloudTrail');
  });

  it('throws if it cannot be published, so that it is retried', async () => {
    const client: Pick<SNSClient, 'send'> = {
      send: async () => {
        throw new Error('no such topic');
      },
    };
    await expect(createNotifier(client as SNSClient, TOPIC, () => 'tagged').notify(GATE, NOTICE)).rejects.toThrow(
      'no such topic',
    );
  });

  it('has a subject that SNS accepts, whatever the name of the repository is', async () => {
    const part = fc.string({ unit: fc.constantFrom(...'az09'), minLength: 1, maxLength: 60 });
    const name = fc
      .array(part, { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join('/').slice(0, 255).concat('a'));
    const kind = fc.constantFrom<Notice['kind'][]>('closed', 'opened', 'waiting', 'cleared', 'restored');
    await fc.assert(
      fc.asyncProperty(name, kind, async (repository, change) => {
        const [input] = await published({ ...GATE, repository }, notice({ kind: change }));
        expect(input?.Subject).toMatch(/^\[pullgate\] [ -~]{1,89}$/);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a summary', () => {
  it('names all its repositories in one attribute, so that a filter on any of them accepts it', async () => {
    const inputs: PublishCommandInput[] = [];
    const client: Pick<SNSClient, 'send'> = {
      send: async ({ input }: PublishCommand) => {
        inputs.push(input);
      },
    };
    const about = ['a', 'b', 'b'].map((repository) => ({ gate: { ...GATE, repository }, notice: NOTICE }));
    const { publish } = createNotifier(client as SNSClient, TOPIC, () => 'tagged');
    await publish({ kind: 'cleared', about, subject: '[pullgate] 3 clear', text: 'text' });
    expect(inputs).toEqual([
      {
        TopicArn: TOPIC,
        Subject: '[pullgate] 3 clear',
        Message: 'text',
        MessageAttributes: {
          cloud: { DataType: 'String', StringValue: 'aws' },
          change: { DataType: 'String', StringValue: 'cleared' },
          registry: { DataType: 'String', StringValue: '123456789012' },
          repository: { DataType: 'String.Array', StringValue: '["a","b"]' },
        },
      },
    ]);
  });
});
