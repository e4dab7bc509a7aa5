// Writes of a repository policy over the ECR protocol: retried only while the policy is unchanged, and read again
// before an opening.
import { ECRClient } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRepositoryLock } from '../../../aws/function/repository-lock.ts';
import { denyStatement } from '../../../aws/function/repository-policy.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { startStage } from '../../local/aws/stage.ts';
import { ACCOUNT_ID } from './samples.ts';

const FOREIGN = '{"Sid":"Team","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}';
const OTHER = '{"Sid":"Other","Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage"}';
const OURS = denyStatement({
  statementId: 'Pullgate0123abcd4567',
  partition: 'aws',
  accountId: ACCOUNT_ID,
  roleArn: `arn:aws:iam::${ACCOUNT_ID}:role/pullgate`,
  exemptPrincipals: [],
});
const policy = (...statements: readonly string[]) => `{"Version":"2012-10-17","Statement":[${statements.join()}]}`;
const CLOSED = policy(FOREIGN, JSON.stringify(OURS));
const OPEN = policy(FOREIGN);

let cloud: LocalAws;
let gates: ReturnType<typeof createRepositoryLock>;
let number = 0;
let gate = { registry: ACCOUNT_ID, repository: '' };
beforeAll(async () => {
  const stage = await startStage();
  cloud = stage.cloud;
  gates = createRepositoryLock(
    { ecr: new ECRClient(cloud.clientConfig(stage.admin)), ecrOnce: new ECRClient(stage.config()) },
    ACCOUNT_ID,
    OURS,
  );
});
afterAll(() => cloud.stop());
beforeEach(() => {
  cloud.faults.clear();
  gate = { registry: ACCOUNT_ID, repository: `team/app-${++number}` };
});

/** Creates a repository with this policy and reads it. */
async function readFrom(policyText: string | undefined) {
  cloud.ecr.createRepository(gate.repository, policyText === undefined ? {} : { policyText });
  const reading = await gates.read(gate);
  if (reading === undefined) throw new Error('the repository was not found');
  cloud.calls.reset();
  return reading;
}

const isNow = () => cloud.ecr.repository(gate.repository).policyText;
/** Changes the policy, like another writer, just before the first attempt of this operation fails. */
const changeBefore = (operation: string, text: string | undefined) => {
  const remove = cloud.calls.before((call) => {
    if (call.operation !== operation) return;
    cloud.ecr.repository(gate.repository).policyText = text;
    remove();
  });
};
const callsOf = (operation: string) => cloud.calls.count()[`ecr:${operation}`] ?? 0;

describe('a write that fails at first', () => {
  it.each([
    ['throttled', { kind: 'throttle' }],
    ['failed', { kind: 'serverError' }],
    ['cut off', { kind: 'reset' }],
  ] as const)('because it is %s is retried while the policy is unchanged', async (_how, fault) => {
    const reading = await readFrom(OPEN);
    cloud.faults.add({ ...fault, operation: 'SetRepositoryPolicy', times: 2 });
    expect(await gates.write(gate, reading, 'closed')).toEqual({ kind: 'written', before: OPEN, after: CLOSED });
    expect(isNow()).toBe(CLOSED);
    expect(callsOf('SetRepositoryPolicy')).toBe(3);
  });

  it('is overtaken if another writer changed the policy, whose change stays', async () => {
    const reading = await readFrom(OPEN);
    cloud.faults.add({ kind: 'throttle', operation: 'SetRepositoryPolicy' });
    changeBefore('SetRepositoryPolicy', policy(FOREIGN, OTHER));
    expect(await gates.write(gate, reading, 'closed')).toEqual({ kind: 'overtaken' });
    expect(isNow()).toBe(policy(FOREIGN, OTHER));
    expect(callsOf('SetRepositoryPolicy')).toBe(1);
  });

  it('is overtaken by itself if only its response was lost', async () => {
    const reading = await readFrom(OPEN);
    cloud.faults.add({ kind: 'drop', operation: 'SetRepositoryPolicy' });
    expect(await gates.write(gate, reading, 'closed')).toEqual({ kind: 'overtaken' });
    expect(isNow()).toBe(CLOSED);
  });

  it('fails after four attempts', async () => {
    const reading = await readFrom(OPEN);
    cloud.faults.add({ kind: 'throttle', operation: 'SetRepositoryPolicy', times: 10 });
    await expect(gates.write(gate, reading, 'closed')).rejects.toMatchObject({ name: 'ThrottlingException' });
    expect([isNow(), callsOf('SetRepositoryPolicy')]).toEqual([OPEN, 4]);
  });

  it('is not retried if it is denied', async () => {
    const reading = await readFrom(OPEN);
    const denied = { kind: 'error', code: 'AccessDeniedException', message: 'no', status: 400 } as const;
    cloud.faults.add({ ...denied, operation: 'SetRepositoryPolicy' });
    await expect(gates.write(gate, reading, 'closed')).rejects.toMatchObject({ name: 'AccessDeniedException' });
    expect([isNow(), callsOf('SetRepositoryPolicy')]).toEqual([OPEN, 1]);
  });

  it('does not delete a policy that another writer has put in place', async () => {
    const reading = await readFrom(policy(JSON.stringify(OURS)));
    cloud.faults.add({ kind: 'throttle', operation: 'DeleteRepositoryPolicy' });
    changeBefore('DeleteRepositoryPolicy', policy(OTHER));
    expect(await gates.write(gate, reading, 'open')).toEqual({ kind: 'overtaken' });
    expect([isNow(), callsOf('DeleteRepositoryPolicy')]).toEqual([policy(OTHER), 1]);
  });
});

describe('an opening', () => {
  it('reads the policy again and keeps a statement that was added after the observation', async () => {
    const reading = await readFrom(policy(JSON.stringify(OURS)));
    const since = policy(OTHER, JSON.stringify(OURS));
    cloud.ecr.repository(gate.repository).policyText = since;
    expect(await gates.write(gate, reading, 'open')).toEqual({ kind: 'written', before: since, after: policy(OTHER) });
    expect(isNow()).toBe(policy(OTHER));
  });

  it('deletes a policy that has only our statement', async () => {
    const reading = await readFrom(policy(JSON.stringify(OURS)));
    const before = policy(JSON.stringify(OURS));
    expect(await gates.write(gate, reading, 'open')).toEqual({ kind: 'written', before, after: '' });
    expect(isNow()).toBeUndefined();
  });

  it('does not restore a policy that was deleted after the observation', async () => {
    const reading = await readFrom(CLOSED);
    cloud.ecr.repository(gate.repository).policyText = undefined;
    expect(await gates.write(gate, reading, 'open')).toEqual({ kind: 'written', before: '', after: '' });
    expect(isNow()).toBeUndefined();
  });

  it('is overtaken if our statement is present again when the policy is read back', async () => {
    const reading = await readFrom(CLOSED);
    const remove = cloud.calls.after(({ operation }) => {
      if (operation === 'SetRepositoryPolicy') cloud.ecr.repository(gate.repository).policyText = CLOSED;
    });
    const written = await gates.write(gate, reading, 'open');
    remove();
    expect(written).toEqual({ kind: 'overtaken' });
  });
});

describe('a closing', () => {
  it('is overtaken if our statement is missing when the policy is read back', async () => {
    const reading = await readFrom(undefined);
    const remove = cloud.calls.after(({ operation }) => {
      if (operation === 'SetRepositoryPolicy') cloud.ecr.repository(gate.repository).policyText = OPEN;
    });
    const written = await gates.write(gate, reading, 'closed');
    remove();
    expect(written).toEqual({ kind: 'overtaken' });
  });

  it('returns the policy as it was read back', async () => {
    const after = policy(JSON.stringify(OURS));
    expect(await gates.write(gate, await readFrom(undefined), 'closed')).toEqual({
      kind: 'written',
      before: '',
      after,
    });
  });
});

describe('a lock under another id', () => {
  const OLD = JSON.stringify({ ...OURS, Sid: 'Pullgate76543210fedc' });
  const OLD_AND_OURS = policy(FOREIGN, OLD, JSON.stringify(OURS));

  it("is another deployment's, and stays", async () => {
    const reading = await readFrom(OLD_AND_OURS);
    expect(reading).toMatchObject({ lock: 'current', otherLocks: ['Pullgate76543210fedc'] });
    await gates.write(gate, reading, 'open');
    expect(isNow()).toBe(policy(FOREIGN, OLD));
  });

  it('is ours if the record names the id: it is rewritten by a closing and removed by an opening', async () => {
    await readFrom(OLD_AND_OURS);
    const older = await gates.read(gate, ['Pullgate76543210fedc']);
    if (older === undefined) throw new Error('the repository was not found');
    expect([older.lock, older.otherLocks]).toEqual(['otherForm', undefined]);
    expect(await gates.write(gate, older, 'closed')).toMatchObject({ kind: 'written', after: CLOSED });
    cloud.ecr.repository(gate.repository).policyText = OLD_AND_OURS;
    expect(await gates.write(gate, older, 'open')).toMatchObject({ kind: 'written', after: OPEN });
  });
});
