// The attribute that locks an image or a repository, on the wire: only it is written, and then it is read back.
import { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAttributeLock } from '../../../azure/function/attribute-lock.ts';
import type { Call } from '../../../local/azure/calls.ts';
import type { FaultKind } from '../../../local/faults.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import { REGISTRY_ID, type Stage, startStage } from '../../local/azure/stage.ts';
import { digest } from '../../shared/samples.ts';

const OPEN = { lock: 'absent', snapshot: { readEnabled: true } } as const;
const LOCKED = { lock: 'unmarked', snapshot: { readEnabled: false } } as const;
const BEFORE = '{"readEnabled":true}';
const AFTER = '{"readEnabled":false}';

let stage: Stage;
let lock: ReturnType<typeof createAttributeLock>;
let repositories = 0;
/** A new repository with one image for each test: the gate of the repository and the gate of the image. */
let gates: { readonly repository: Gate; readonly image: Required<Gate> };
beforeAll(async () => {
  stage = await startStage();
  const credential = stage.addPrincipal({ role: 'Owner', scope: REGISTRY_ID });
  lock = createAttributeLock(new ContainerRegistryClient('https://contoso.azurecr.io', credential, stage.options));
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  const repository = `team/app-${++repositories}`;
  const image = stage.registry.push(repository, { tag: 'v1' });
  gates = {
    repository: { registry: REGISTRY_ID, repository },
    image: { registry: REGISTRY_ID, repository, digest: image },
  };
  stage.calls.reset();
});

const KINDS = ['image', 'repository'] as const;
const UPDATES = { image: 'UpdateManifest', repository: 'UpdateRepository' } as const;
const targetOf = ({ digest: image }: Gate) => (image === undefined ? {} : { digest: image });
const attributes = (gate: Gate) => stage.registry.attributes(gate.repository, targetOf(gate));
const setReadable = (gate: Gate, readEnabled: boolean) =>
  stage.registry.setAttributes(gate.repository, { readEnabled }, targetOf(gate));
/** Simulates a change by another actor right after our update. */
function afterUpdate(work: () => void): () => void {
  return stage.calls.after(({ operation }: Call) => {
    if (operation.startsWith('Update')) work();
  });
}

describe.each(KINDS)('the lock of the %s gate', (kind) => {
  it('is absent at first, and unmarked once another actor has set it', async () => {
    const gate = gates[kind];
    expect(await lock.read(gate)).toEqual(OPEN);
    setReadable(gate, false);
    expect(await lock.read(gate)).toEqual(LOCKED);
  });

  it('is set and removed, with one update and one read each', async () => {
    const gate = gates[kind];
    expect(await lock.write(gate, OPEN, 'closed')).toEqual({ kind: 'written', before: BEFORE, after: AFTER });
    expect(attributes(gate).readEnabled).toBe(false);
    expect(await lock.write(gate, LOCKED, 'open')).toEqual({ kind: 'written', before: AFTER, after: BEFORE });
    expect(attributes(gate).readEnabled).toBe(true);
    const { [`acr:${UPDATES[kind]}`]: updates, ...others } = stage.calls.count();
    expect([updates, Object.entries(others).filter(([name]) => name.startsWith('acr:Update'))]).toEqual([2, []]);
  });

  it('is the only attribute that changes, on this resource and on others', async () => {
    const { repository, image } = gates;
    const gate = gates[kind];
    const sibling = kind === 'image' ? repository : image;
    stage.registry.setAttributes(gate.repository, { writeEnabled: false, deleteEnabled: false }, targetOf(gate));
    stage.registry.setAttributes(gate.repository, { deleteEnabled: false, readEnabled: false }, targetOf(sibling));
    const other = stage.registry.push(gate.repository, { tag: 'v2' });
    stage.registry.setAttributes(gate.repository, { readEnabled: false }, { digest: other });
    const untouched = () => [attributes(sibling), stage.registry.attributes(gate.repository, { digest: other })];
    const [before, beforeElsewhere] = [attributes(gate), untouched()];
    await lock.write(gate, OPEN, 'closed');
    expect([attributes(gate), untouched()]).toEqual([{ ...before, readEnabled: false }, beforeElsewhere]);
    await lock.write(gate, LOCKED, 'open');
    expect([attributes(gate), untouched()]).toEqual([before, beforeElsewhere]);
  });

  it.each([
    ['closing', 'closed', OPEN],
    ['opening', 'open', LOCKED],
  ] as const)('is overtaken if another actor undoes a %s before it is read back', async (_what, desired, from) => {
    const gate = gates[kind];
    setReadable(gate, from.snapshot.readEnabled);
    const remove = afterUpdate(() => setReadable(gate, from.snapshot.readEnabled));
    expect(await lock.write(gate, from, desired)).toEqual({ kind: 'overtaken' });
    remove();
    expect(await lock.read(gate)).toEqual(from);
  });

  it('is overtaken if the gate is deleted, before the update or right after it', async () => {
    const gate = gates[kind];
    const remove = afterUpdate(() => stage.registry.deleteRepository(gate.repository));
    expect(await lock.write(gate, OPEN, 'closed')).toEqual({ kind: 'overtaken' });
    remove();
    expect(await lock.write(gate, OPEN, 'closed')).toEqual({ kind: 'overtaken' });
    expect(await lock.read(gate)).toBeUndefined();
  });

  it.each([
    [403, /: the function's identity needs its role 'pullgate gatekeeper' on the registry, .* Run pulumi up; /],
    [400, /: check its attributes \(az acr repository show\); pullgate retries with the next sweep$/],
    [405, /: check its attributes /],
    [409, /: check its attributes /],
  ])('is refused if the registry responds with %i, and the problem says what to do', async (status, advice) => {
    const gate = gates[kind];
    const words = 'no '.repeat(200);
    stage.faults.add({ kind: 'error', code: 'DENIED', message: words, status, operation: UPDATES[kind] });
    const written = await lock.write(gate, OPEN, 'closed');
    if (written.kind !== 'refused') throw new Error(`it was ${written.kind}`);
    expect(written.status).toBe(status);
    expect(written.problem).toMatch(/^the registry refused to change team\/app-\d+(@sha256:[0-9a-f]{64})? \(/);
    expect(written.problem).toMatch(advice);
    expect(written.problem.length).toBeLessThan(700);
    expect(attributes(gate).readEnabled).toBe(true);
  });

  it.each<[string, FaultKind, number | undefined]>([
    ['throttles', { kind: 'throttle' }, 429],
    ['takes too long', { kind: 'error', code: 'TIMEOUT', message: 'too long', status: 408 }, 408],
    ['fails', { kind: 'serverError' }, 500],
    ['breaks the connection', { kind: 'reset' }, undefined],
  ])('throws if the registry %s, because that may be temporary', async (_what, fault, statusCode) => {
    const gate = gates[kind];
    stage.faults.add({ ...fault, operation: UPDATES[kind] });
    const error: unknown = await lock.write(gate, OPEN, 'closed').catch((one: unknown) => one);
    expect([isRestError(error), isRestError(error) && error.statusCode]).toEqual([true, statusCode]);
    expect(attributes(gate).readEnabled).toBe(true);
  });
});

it('reads no lock if the repository or the image does not exist', async () => {
  const { repository, image } = gates;
  expect(await lock.read({ ...repository, repository: 'team/none' })).toBeUndefined();
  expect(await lock.read({ ...image, digest: digest(1) })).toBeUndefined();
});

it('throws if the registry denies reading, and does not report an absent lock', async () => {
  stage.faults.add({ kind: 'error', code: 'DENIED', message: 'no', status: 403, service: 'acr' });
  await expect(lock.read(gates.image)).rejects.toMatchObject({ statusCode: 403 });
});
