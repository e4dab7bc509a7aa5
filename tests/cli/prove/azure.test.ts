// Tests `prove` on Azure: the whole loop on the local cloud, with a scanner that reads the images, the deployed
// function, and an operator with only the roles that the command needs.
import { beforeAll, describe, expect, it } from 'vitest';
import { obstaclesTo } from '../../../cli/prove/preflight.ts';
import type { Proof } from '../../../cli/prove/prove.ts';
import type { Fault } from '../../../local/azure/faults.ts';
import { type Config, REGISTRY, type Stage, stage } from '../../e2e/azure/stage.ts';
import { PERMISSIONS } from '../../repository/doc-rights.ts';
import { leastToObserveOnAzure } from '../command-observing.ts';
import { leastToProveOnAzure, type ProofOptions, provingOn, scratchRepositories } from './azure-proof.ts';

const STEPS = [
  ...['created', 'foreign', 'pushed', 'found', 'closed', 'refused', 'intact'],
  ...['unlocked', 'restored', 'fixed', 'deleted', 'opened', 'pulled'],
];

const failedStep = ({ steps }: Proof) => steps.find(({ state }) => state === 'failed');
const stateOf = ({ steps }: Proof, name: string) => steps.find((step) => step.name === name)?.state;
const unknown = ({ unknowns }: Proof, part: string) => unknowns.find(({ question }) => question.includes(part));
const foundBy = ({ steps }: Proof, name: string) => steps.find((step) => step.name === name)?.found;

/** A stack whose workspace has recommendations already. Without any, the scanner counts as not healthy. */
async function stageWithRows(config: Config = {}): Promise<Stage> {
  const s = await stage(config);
  await s.report(s.push('v1'));
  await s.runUntilIdle();
  return s;
}

describe('the whole loop', () => {
  it('is shown step by step with its times, and leaves nothing behind, if a gate is one image', async () => {
    const s = await stage();
    const { run } = await provingOn(s);
    const proof = await run();
    expect(proof.steps.map(({ name, state }) => [name, state])).toEqual([...STEPS, 'cleaned'].map((n) => [n, 'done']));
    expect(proof).toMatchObject({ result: 'proven', left: [] });
    const waited = Object.fromEntries(proof.steps.flatMap(({ name, seconds }) => (seconds ? [[name, seconds]] : [])));
    expect(Object.keys(waited)).toEqual(['found', 'closed', 'restored', 'opened']);
    expect(waited['found']).toBeGreaterThan(5400);
    // The lock comes back, and the gate opens, with the next tick.
    expect([waited['restored'], waited['opened']].every((seconds) => (seconds ?? 999) <= 310)).toBe(true);
    expect(foundBy(proof, 'intact')).toBe('another image: its attributes, and that it can be pulled, compared as text');
    expect(foundBy(proof, 'closed')).toMatch(/; closed 1m \d+s after the scanner's report$/);
    expect(foundBy(proof, 'fixed')).toMatch(/; pullable, because the lock is on the vulnerable image only$/);
    const image = foundBy(proof, 'pushed')?.slice(0, 'sha256:'.length + 12);
    await s.tick();
    expect((await s.world()).notified).toEqual(
      ['closed', 'closed again', 'opened'].map((what) => `${what} pullgate-prove/run-1@${image}`),
    );
    expect(scratchRepositories(s.registry)).toEqual([]);
  });

  it('works if a gate is a whole repository', async () => {
    const s = await stage({ azure: { granularity: 'repository' } });
    const { run } = await provingOn(s);
    const proof = await run();
    expect(proof).toMatchObject({ result: 'proven', left: [] });
    expect(foundBy(proof, 'intact')).toBe('the attributes of another image, compared as text');
    expect(foundBy(proof, 'fixed')).toMatch(/^sha256:[0-9a-f]{64}$/);
    // Without push events, the deletion of an image in a closed repository is noticed by the next sweep.
    expect(proof.steps.find(({ name }) => name === 'opened')?.seconds).toBeGreaterThan(3600);
    expect(scratchRepositories(s.registry)).toEqual([]);
  });

  it('works in the role mode abac, with the roles that docs/permissions.md names for it', async () => {
    const registries = { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } as const;
    const s = await stage({ azure: { registryRoles: 'abac' } }, { registries });
    const { records, findings, registry } = leastToObserveOnAzure(s.graph, 'abac');
    const images = { role: 'Container Registry Repository Contributor', scope: REGISTRY };
    const { run } = await provingOn(s, [records, findings, registry, images]);
    expect((await run({ minutes: 0 })).result).toBe('proven');
    expect(scratchRepositories(s.registry)).toEqual([]);
    for (const { role } of [records, findings, registry, images]) expect(PERMISSIONS).toContain(`\`${role}\``);
  });

  it('settles what it can measure, and says how to look for the rest', async () => {
    const { run } = await provingOn(await stage());
    const proof = await run();
    expect(unknown(proof, 'refused pull?')).toMatchObject({
      settled: true,
      answer: expect.stringMatching(/^status 405: .+REGISTRY_DISALLOWED_OPERATION/),
    });
    expect(unknown(proof, 'event reach')?.answer).toBe('yes: the gate closed without a sweep');
    expect(unknown(proof, 'fields')?.details).toEqual(
      expect.arrayContaining(['table: SecurityRecommendation', 'RecommendationSeverity: string']),
    );
    expect(unknown(proof, 'be read while')).toMatchObject({ settled: true, answer: 'yes' });
    expect(unknown(proof, 'be deleted while')).toMatchObject({ settled: true, answer: 'yes' });
    expect(unknown(proof, 'again while')?.settled).toBe(false);
    expect(unknown(proof, "registry's log")?.answer).toContain('Repository == "pullgate-prove/run-1"');
  });
});

describe('a scanner', () => {
  it.each<[string, ProofOptions, string | undefined]>([
    ['that is late, within the limit, is waited for', { minutes: 350 }, undefined],
    ['that is silent', { minutes: 'never' }, 'the scanner has not reported the image'],
    [
      'that finds only what the policy allows',
      { severity: 'Low' },
      'the scanner reports 1 finding, none of which the policy blocks',
    ],
  ])('%s', async (_name, options, problem) => {
    const s = await stage();
    const { run } = await provingOn(s);
    const proof = await run(options);
    expect(scratchRepositories(s.registry)).toEqual([]);
    expect(stateOf(proof, 'cleaned')).toBe('done');
    if (problem === undefined) return void expect(proof.result).toBe('proven');
    const said = `waited 6h 0m for the scanner to find the vulnerability: ${problem}. Check Defender.`;
    expect([proof.result, failedStep(proof)?.found]).toEqual(['failed', said]);
  });
});

describe('whatever ends a run', () => {
  let s: Stage;
  let proving: Awaited<ReturnType<typeof provingOn>>;
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    const onEnd = (end: () => Promise<void>) => {
      stop = end;
    };
    s = await stage({ maxClosesPerHour: 100 }, { onEnd });
    proving = await provingOn(s);
    return () => stop();
  });
  const run = (options: ProofOptions) => proving.run({ minutes: 0, ...options });

  /** Nothing is left in the registry, and with the next tick pullgate knows that the gates are open. */
  async function expectNothingLeft(): Promise<void> {
    expect(scratchRepositories(s.registry)).toEqual([]);
    await s.tick();
    const { locked, records } = await s.world();
    expect(locked).toEqual([]);
    for (const state of Object.values(records)) expect(state).toMatch(/^open( [(]gone[)])?$/);
  }

  it.each(STEPS)('Ctrl-C after the step %s leaves nothing behind', async (name) => {
    const interrupted = new AbortController();
    const proof = await run({
      name: `interrupted-${name}`,
      signal: interrupted.signal,
      onStep: (step) => void (step.name === name && interrupted.abort()),
    });
    expect(proof).toMatchObject({ result: name === 'pulled' ? 'proven' : 'interrupted', left: [] });
    expect(stateOf(proof, 'cleaned')).toBe('done');
    await expectNothingLeft();
  });

  it('an error of any call of the operator leaves nothing behind', async () => {
    const { id } = proving.operator.principal;
    s.cloud.calls.reset();
    await run({ name: 'counted' });
    const results: Record<string, string> = {};
    // The description of the registry is kept for ten minutes, so not every run asks for it.
    const { 'arm:GetRegistry': _kept, ...calls } = s.cloud.calls.count(id);
    for (const call of Object.keys(calls)) {
      const [service = '', operation = ''] = call.split(':');
      const error = { kind: 'error', code: 'INJECTED', message: 'injected', status: 429 } as const;
      const where: Fault['where'] = ({ principal, ...made }) =>
        principal.id === id && made.service === service && made.operation === operation;
      const remove = s.cloud.faults.add({ ...error, where });
      const proof = await run({ name: `failed-${service}-${operation.toLowerCase()}` });
      remove();
      results[call] = failedStep(proof)?.name ?? proof.result;
      expect(proof.left).toEqual([]);
      await expectNothingLeft();
    }
    expect(results).toEqual({
      // Removing is tried again.
      'acr:DeleteRepository': 'proven',
      'acr:Exchange': 'foreign',
      'acr:GetManifest': 'foreign',
      'acr:GetRepository': 'proven',
      'acr:Token': 'foreign',
      'acr:UpdateManifest': 'unlocked',
      // A wait survives one failed request.
      'logs:Query': 'proven',
      'oci:AddToUpload': 'foreign',
      'oci:CompleteUpload': 'foreign',
      'oci:DeleteManifest': 'deleted',
      'oci:GetBlob': 'intact',
      // Another error than that of a lock is no refusal.
      'oci:GetManifest': 'refused',
      'oci:PutManifest': 'foreign',
      'oci:StartUpload': 'foreign',
      'table:Get': 'proven',
    });
  });

  it('a repository that cannot be removed is named, with the command that removes it', async () => {
    const error = { kind: 'error', code: 'DENIED', message: 'not allowed', status: 403 } as const;
    const remove = s.cloud.faults.add({
      ...error,
      where: ({ operation }) => operation === 'DeleteRepository',
      times: 100,
    });
    const proof = await run({ name: 'stays' });
    remove();
    expect(proof.result).toBe('failed');
    expect(proof.left).toEqual([
      {
        what: 'the repository pullgate-prove/stays, possibly closed by pullgate',
        toDo: expect.stringMatching(
          /^run: az acr repository update --name acmeimages --image pullgate-prove\/stays@sha256:[0-9a-f]{64} --read-enabled true; az acr repository delete --yes --name acmeimages --repository pullgate-prove\/stays$/,
        ),
      },
    ]);
    s.registry.deleteRepository('pullgate-prove/stays');
  });
});

it.each(['image', 'repository'] as const)(
  'a lock of the %s that refuses the removal is taken away first',
  async (granularity) => {
    const s = await stage({ azure: { granularity } });
    const { run } = await provingOn(s);
    const isLocked = () => {
      const [repository] = scratchRepositories(s.registry);
      const images = [...(repository?.manifests.values() ?? [])];
      return [repository, ...images].some((one) => one?.attributes.readEnabled === false);
    };
    const where: Fault['where'] = ({ operation }) => operation === 'DeleteRepository' && isLocked();
    s.cloud.faults.add({ kind: 'error', code: 'DENIED', message: 'locked', status: 405, where, times: 100 });
    const interrupted = new AbortController();
    const proof = await run({
      minutes: 0,
      signal: interrupted.signal,
      onStep: ({ name }) => void (name === 'refused' && interrupted.abort()),
    });
    expect(proof).toMatchObject({ result: 'interrupted', left: [] });
    expect(proof.steps.at(-1)).toMatchObject({ name: 'cleaned', state: 'done', seconds: 0 });
    expect(scratchRepositories(s.registry)).toEqual([]);
  },
);

describe('nothing is made, and a sentence says what to do', () => {
  it.each<[string, Config, (s: Stage) => unknown, RegExp]>([
    ['in the mode audit', { mode: 'audit' }, () => {}, /^the mode is audit for pullgate-prove\/one, /],
    [
      'if the stack includes other repositories only',
      { azure: { repositories: { include: ['team/**'] } } },
      () => {},
      /repositories[.]include of pullgate:azure/,
    ],
    ['during a pause', {}, (s) => s.setPause(true), /^the stack has been paused since /],
    [
      'if a repository of this name exists',
      {},
      (s) => s.registry.push('pullgate-prove/one', { tag: 'v1' }),
      /^the repository pullgate-prove\/one exists already/,
    ],
  ])('%s', async (_name, config, prepare, sentence) => {
    const s = await stageWithRows(config);
    await prepare(s);
    const { scratchOf, now } = await provingOn(s);
    expect(await obstaclesTo(scratchOf('one'), 'dev', now())).toEqual([expect.stringMatching(sentence)]);
  });
});

it('needs each of its roles: without any of them, the run does not succeed', async () => {
  const s = await stageWithRows();
  const least = leastToProveOnAzure(s.graph);
  const enough: string[] = [];
  for (const missing of ['none', ...Object.keys(least)]) {
    const grants = Object.entries(least).flatMap(([name, grant]) => (name === missing ? [] : [grant]));
    const { run, scratchOf, now } = await provingOn(s, grants, `prover without ${missing}`);
    const name = `without-${missing}`;
    const before = await obstaclesTo(scratchOf(name), 'dev', now()).catch(() => ['refused']);
    if (before.length === 0 && (await run({ name, minutes: 0 })).result === 'proven') enough.push(missing);
  }
  expect(enough).toEqual(['none']);
});
