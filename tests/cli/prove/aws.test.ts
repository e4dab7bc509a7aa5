// Tests `prove` on AWS: the whole loop on the local cloud, with a scanner that reads the images, the deployed function,
// and an operator with only the rights that the command needs.
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Fate, leftOf, type Proof, type ProveInput } from '../../../cli/prove/prove.ts';
import type { Fault } from '../../../local/aws/faults.ts';
import { type Config, FOREIGN_POLICY, type Stage, stage } from '../../e2e/aws/stage.ts';
import { OPERATOR } from '../command.ts';
import { CURL, type ProofOptions, provingOn, scratchRepositories } from './aws-proof.ts';

afterEach(() => void vi.unstubAllEnvs());

const STEPS = [
  ...['created', 'foreign', 'pushed', 'found', 'closed', 'refused', 'intact'],
  ...['unlocked', 'restored', 'fixed', 'scanned', 'deleted', 'opened', 'pulled'],
];
const DENIED =
  'User: arn:aws:iam::123456789012:role/operator is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:123456789012:repository/pullgate-prove/run-1 with an explicit deny in a resource-based policy';

const failedStep = ({ steps }: Proof) => steps.find(({ state }) => state === 'failed');
const stateOf = ({ steps }: Proof, name: string) => steps.find((step) => step.name === name)?.state;
const unknown = ({ unknowns }: Proof, part: string) => unknowns.find(({ question }) => question.includes(part));

describe('the whole loop', () => {
  it('is shown step by step with its times, and leaves nothing behind', async () => {
    const s = await stage();
    const { run, client } = await provingOn(s);
    const proof = await run();
    expect(proof.steps.map(({ name, state }) => [name, state])).toEqual([...STEPS, 'cleaned'].map((n) => [n, 'done']));
    expect(proof).toMatchObject({
      result: 'proven',
      left: [],
      remains: [expect.stringMatching(/record of the gate \(open\)/)],
    });
    const waited = Object.fromEntries(proof.steps.flatMap(({ name, seconds }) => (seconds ? [[name, seconds]] : [])));
    // The lock comes back with the next tick.
    expect(waited).toEqual({ found: 130, restored: 170, scanned: 130, opened: 10 });
    const found = (step: string) => proof.steps.find(({ name }) => name === step)?.found;
    expect(found('refused')).toBe('status 403');
    expect(found('closed')).toMatch(/; closed 0s after the scanner's report$/);
    expect(s.notified('pullgate-prove/run-1')).toEqual(['closed', 'restored', 'opened']);
    expect(scratchRepositories(s.cloud)).toEqual([]);
    const { value: record } = await client.records.load({
      registry: '123456789012',
      repository: 'pullgate-prove/run-1',
    });
    expect(record?.state.kind).toBe('open');
  });

  it('settles what it can measure, and says how to look for the rest', async () => {
    const s = await stage();
    const { run } = await provingOn(s);
    const proof = await run();
    expect(unknown(proof, 'scan an image')).toMatchObject({ settled: true, answer: expect.stringMatching(/^yes: /) });
    expect(unknown(proof, 'refused pull?')).toMatchObject({ settled: true, answer: expect.stringContaining(DENIED) });
    expect(unknown(proof, 'byte for byte')).toMatchObject({ settled: true, answer: 'yes' });
    expect(unknown(proof, 'event reach')).toMatchObject({
      settled: true,
      answer: 'yes: the gate closed without a sweep',
    });
    expect(unknown(proof, 'as a pull')).toMatchObject({
      settled: false,
      answer: expect.stringContaining('24 hours later'),
    });
    expect(unknown(proof, 'CloudTrail')).toMatchObject({
      settled: false,
      answer: expect.stringContaining(
        'aws cloudtrail lookup-events --region eu-west-1 --start-time 2026-03-02T09:02:10.000Z',
      ),
    });
    expect(unknown(proof, 'fields')?.details).toContain('packageVulnerabilityDetails.vulnerabilityId: string');
  });

  it('restores the lock within seconds if the account has a trail', async () => {
    const s = await stage();
    s.cloud.trail.start();
    const { run } = await provingOn(s);
    const { result, steps } = await run();
    expect([result, steps.find(({ name }) => name === 'restored')?.seconds]).toEqual(['proven', 10]);
  });

  it('says that Inspector cannot scan under the Deny if it reports that', async () => {
    const { run } = await provingOn(await stage());
    const proof = await run({ isDenied: true });
    expect(proof.result).toBe('proven');
    expect(unknown(proof, 'scan an image')?.settled).toBe(true);
    expect(unknown(proof, 'scan an image')?.answer).toMatch(/^no: no finished scan within 10m: .+ACCESS_DENIED/);
  });
});

describe('a scanner', () => {
  const EXCEPTION = { id: CURL.vulnerability, expires: '2026-03-20', reason: 'the function is not called' };
  it.each<[string, ProofOptions, string | undefined, Config?]>([
    ['that is late, within the limit, is waited for', { minutes: 28 }, undefined],
    ['that is silent', { minutes: 'never' }, 'the scanner has not reported the image'],
    [
      'that finds nothing',
      { reports: [] },
      'the scanner finished a scan and found nothing that the policy could block',
    ],
    [
      'that finds only what the policy allows',
      {},
      'the scanner reports 1 finding, none of which the policy blocks',
      { policy: { exceptions: [EXCEPTION] } },
    ],
  ])('%s', async (_name, options, problem, config) => {
    const s = await stage(config);
    const { run } = await provingOn(s);
    const proof = await run(options);
    expect(scratchRepositories(s.cloud)).toEqual([]);
    expect(stateOf(proof, 'cleaned')).toBe('done');
    if (problem === undefined) return void expect(proof.result).toBe('proven');
    const said = `waited 30m 0s for the scanner to find the vulnerability: ${problem}. Check Inspector.`;
    expect([proof.result, failedStep(proof)?.found]).toEqual(['failed', said]);
    expect(proof.steps.slice(4, -1).map(({ state }) => state)).toEqual(Array(10).fill('notRun'));
  });
});

describe('what no step requires', () => {
  it('is not measured if its requests fail, and the rest is proven', async () => {
    const { run } = await provingOn(await stage());
    const no = async () => {
      throw new Error('throttled');
    };
    const proof = await run({
      change: ({ client, ...scratch }) => ({
        ...scratch,
        client: { ...client, sweep: { ...client.sweep, load: no }, scans: no },
        ...{ reportFields: no, lastPulledAt: no },
      }),
    });
    expect(proof).toMatchObject({ result: 'proven', left: [] });
    expect(proof.steps.find(({ name }) => name === 'scanned')?.found).toBe('not measured: throttled');
    for (const part of ['event reach', 'fields', 'as a pull', 'scan an image'])
      expect(unknown(proof, part)).toMatchObject({ settled: false, answer: 'not measured: throttled' });
  });

  it('is not needed to say why a wait ended either', async () => {
    const { run } = await provingOn(await stage());
    const no = async () => {
      throw new Error('throttled');
    };
    const change: ProofOptions['change'] = ({ client, ...scratch }) => ({
      ...scratch,
      client: { ...client, scans: no, records: { ...client.records, load: no } },
    });
    expect(failedStep(await run({ change, minutes: 'never' }))?.found).toContain('the scanner has not reported the');
  });
});

describe('a registry that returns the lock after its removal', () => {
  const stale =
    (withRecord: boolean): NonNullable<ProofOptions['change']> =>
    ({ client, ...scratch }) => ({
      ...scratch,
      client: {
        ...client,
        async read(gate) {
          const reading = await client.read(gate);
          return reading === undefined ? undefined : { ...reading, lock: 'current' };
        },
        records: {
          ...client.records,
          async load(gate) {
            const loaded = await client.records.load(gate);
            const { value } = loaded;
            if (withRecord || value === undefined) return loaded;
            return { ...loaded, value: { ...value, restorations: undefined } };
          },
        },
      },
    });

  it('does not count as a restoration', async () => {
    const { run } = await provingOn(await stage());
    const proof = await run({ change: stale(false) });
    expect([failedStep(proof)?.name, failedStep(proof)?.found]).toEqual([
      'unlocked',
      'it is not shown that the lock was removed: waited 20m 0s for the registry to return no lock: the registry still returns it, and no restoration is on record',
    ]);
  });

  it('is waited for until the record has the restoration', async () => {
    const { run } = await provingOn(await stage());
    const proof = await run({ change: stale(true) });
    const unlocked = proof.steps.find(({ name }) => name === 'unlocked');
    expect([unlocked?.found, unlocked?.seconds]).toEqual(['with your own rights; restored by now', 170]);
  });
});

it('each push and each pull has its own login, because one is valid for 12 hours only', async () => {
  const s = await stage();
  const { run } = await provingOn(s);
  await run();
  expect(s.cloud.calls.count(OPERATOR)['ecr:GetAuthorizationToken']).toBe(4);
});

describe('whatever ends a run', () => {
  let s: Stage;
  let proving: Awaited<ReturnType<typeof provingOn>>;
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    s = await stage({ maxClosesPerHour: 100 }, (end) => {
      stop = end;
    });
    return () => stop();
  });
  beforeEach(async () => {
    proving = await provingOn(s);
  });

  /** Nothing is left in the registry, and pullgate knows that the gate is open. */
  async function expectNothingLeft(name: string): Promise<void> {
    expect(scratchRepositories(s.cloud)).toEqual([]);
    await s.tick();
    const states = s.decisions(name).map(({ to }) => to);
    expect(states.at(-1) ?? 'open').toBe('open');
  }

  it.each(STEPS)('Ctrl-C after the step %s leaves nothing behind', async (name) => {
    const interrupted = new AbortController();
    const proof = await proving.run({
      name: `interrupted-${name}`,
      signal: interrupted.signal,
      onStep: (step) => void (step.name === name && interrupted.abort()),
    });
    expect(proof).toMatchObject({ result: name === 'pulled' ? 'proven' : 'interrupted', left: [] });
    expect(stateOf(proof, 'cleaned')).toBe('done');
    await expectNothingLeft(`pullgate-prove/interrupted-${name}`);
  });

  it('an error of any call of the operator leaves nothing behind', async () => {
    s.cloud.calls.reset();
    await proving.run({ name: 'counted' });
    const calls = Object.keys(s.cloud.calls.count(OPERATOR));
    expect(calls.length).toBe(16);
    const results: Record<string, string> = {};
    for (const call of calls) {
      const [service = '', operation = ''] = call.split(':');
      const error = { kind: 'error', code: 'ValidationException', message: 'injected', status: 400 } as const;
      const where: Fault['where'] = ({ principal, ...made }) =>
        principal.arn === OPERATOR && made.service === service && made.operation === operation;
      const remove = s.cloud.faults.add({ ...error, where });
      const name = `failed-${operation.toLowerCase()}`;
      const proof = await proving.run({ name });
      remove();
      results[call] = failedStep(proof)?.name ?? proof.result;
      expect(proof.left).toEqual([]);
      await expectNothingLeft(`pullgate-prove/${name}`);
    }
    expect(results).toEqual({
      // A wait survives one failed request.
      'dynamodb:GetItem': 'proven',
      'ecr:BatchDeleteImage': 'deleted',
      'ecr:CreateRepository': 'created',
      // Removing is tried again.
      'ecr:DeleteRepository': 'proven',
      'ecr:DescribeImages': 'proven',
      'ecr:DescribeRepositories': 'proven',
      'ecr:GetAuthorizationToken': 'pushed',
      'ecr:GetRepositoryPolicy': 'foreign',
      'ecr:SetRepositoryPolicy': 'foreign',
      'inspector2:ListCoverage': 'proven',
      'inspector2:ListFindings': 'proven',
      'oci:CompleteUpload': 'pushed',
      'oci:GetBlob': 'pulled',
      // Another error than that of a lock is no refusal.
      'oci:GetManifest': 'refused',
      'oci:PutManifest': 'pushed',
      'oci:StartUpload': 'pushed',
    });
  });

  it.each(['CreateRepository', 'SetRepositoryPolicy', 'DeleteRepository'])(
    'a lost answer of %s leaves nothing behind',
    async (operation) => {
      const where: Fault['where'] = (call) => call.principal.arn === OPERATOR && call.operation === operation;
      s.cloud.faults.add({ kind: 'drop', where });
      const name = `lost-${operation.toLowerCase()}`;
      expect((await proving.run({ name })).left).toEqual([]);
      await expectNothingLeft(`pullgate-prove/${name}`);
    },
  );

  it('a repository that cannot be removed is named, with the command that removes it', async () => {
    const where: Fault['where'] = ({ operation }) => operation === 'DeleteRepository';
    const error = { kind: 'error', code: 'AccessDeniedException', message: 'not allowed', status: 400 } as const;
    const remove = s.cloud.faults.add({ ...error, where, times: 100 });
    const proof = await proving.run({ name: 'stays' });
    remove();
    expect([proof.result, failedStep(proof)?.found]).toEqual(['failed', 'AccessDeniedException: not allowed']);
    expect(proof.left).toEqual([
      {
        what: 'the repository pullgate-prove/stays, possibly closed by pullgate',
        toDo: 'run: aws ecr delete-repository --force --region eu-west-1 --registry-id 123456789012 --repository-name pullgate-prove/stays',
      },
    ]);
    await s.cloud.ecr.deleteRepository('pullgate-prove/stays');
  });

  it('Ctrl-C before anything was made removes nothing, not even what has this name by now', async () => {
    s.cloud.ecr.createRepository('pullgate-prove/unmade', { policyText: FOREIGN_POLICY });
    const proof = await proving.run({ name: 'unmade', signal: AbortSignal.abort() });
    expect([proof.result, proof.left, proof.remains]).toEqual(['interrupted', [], []]);
    expect(stateOf(proof, 'cleaned')).toBeUndefined();
    expect(s.policy('pullgate-prove/unmade')).toBe(FOREIGN_POLICY);
    await s.cloud.ecr.deleteRepository('pullgate-prove/unmade');
  });

  it('the repository counts as left from its making until its removal', async () => {
    const made: ProveInput['made'] = { fate: 'notMade' };
    const fates: Record<string, Fate> = {};
    const onStep: ProveInput['onStep'] = ({ name }) => {
      fates[name] = made.fate;
    };
    await proving.run({ name: 'fate', made, onStep });
    expect(fates).toEqual({ ...Object.fromEntries(STEPS.map((name) => [name, 'made'])), cleaned: 'removed' });
    const scratch = proving.scratchOf('fate');
    expect(leftOf(scratch, 'made')).toHaveLength(1);
    for (const fate of ['notMade', 'removed', 'taken'] as const) expect(leftOf(scratch, fate)).toEqual([]);
  });

  it('a removal that fails is tried for three minutes, and one that succeeds is not repeated', async () => {
    const where: Fault['where'] = ({ operation }) => operation === 'DeleteRepository';
    const error = { kind: 'error', code: 'ValidationException', message: 'busy', status: 400 } as const;
    const remove = s.cloud.faults.add({ ...error, where, times: 6 });
    let removals = 0;
    let looks = 0;
    const change: ProofOptions['change'] = (scratch) => ({
      ...scratch,
      async remove() {
        removals += 1;
        await scratch.remove();
      },
    });
    const busy = await proving.run({ name: 'busy', change });
    remove();
    expect([busy.result, removals, busy.steps.at(-1)?.seconds]).toEqual(['proven', 7, 195]);
    removals = 0;
    const late = await proving.run({
      name: 'late',
      change: (scratch) => ({
        ...change(scratch),
        exists: async () => removals > 0 && ++looks < 4,
      }),
    });
    expect([late.result, removals, looks]).toEqual(['proven', 1, 4]);
  });

  it('a repository that another principal made in the meantime is not touched', async () => {
    s.cloud.ecr.createRepository('pullgate-prove/taken', { policyText: FOREIGN_POLICY });
    const made: ProveInput['made'] = { fate: 'notMade' };
    const proof = await proving.run({ name: 'taken', made });
    expect(made.fate).toBe('taken');
    expect([proof.result, failedStep(proof)?.found, proof.left, proof.remains]).toEqual([
      'failed',
      'a repository of this name exists by now, which is not ours: run the command again',
      [],
      [],
    ]);
    expect(s.policy('pullgate-prove/taken')).toBe(FOREIGN_POLICY);
    await s.cloud.ecr.deleteRepository('pullgate-prove/taken');
  });
});

describe('a pullgate that does not do its work', () => {
  it('is found out: it does not close', async () => {
    const s = await stage({ mode: 'audit' });
    const { run } = await provingOn(s);
    const proof = await run();
    expect(failedStep(proof)?.name).toBe('closed');
    expect(failedStep(proof)?.found).toMatch(
      /^waited 20m 0s for the function to close the gate: its record says: open, waiting: .+audit mode.+ Look at the function's log/,
    );
  });

  it('is found out: it changes a foreign statement', async () => {
    const s = await stage();
    const { run } = await provingOn(s);
    const proof = await run({
      onStep(step) {
        if (step.name !== 'refused') return;
        const repository = s.cloud.ecr.repository('pullgate-prove/run-1');
        repository.policyText = JSON.stringify(JSON.parse(repository.policyText ?? ''));
      },
    });
    expect(failedStep(proof)?.name).toBe('intact');
    expect(failedStep(proof)?.found).toMatch(/^a statement of the repository policy changed: expected \{ "Sid" :/);
    expect(scratchRepositories(s.cloud)).toEqual([]);
  });

  it('is found out: its lock refuses nobody, because the operator is exempt', async () => {
    const s = await stage({ aws: { exemptPrincipals: [OPERATOR] } });
    const { run } = await provingOn(s);
    expect(failedStep(await run())?.found).toBe(
      'the image was pulled although its gate is closed: are you exempt (exemptPrincipals)?',
    );
  });
});
