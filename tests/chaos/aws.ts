// One run's world on the local AWS, where a gate is a repository. The function and its resources come from the deployed
// graph.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTable } from '../../aws/function/records.ts';
import type { BusEvent } from '../../local/aws/bus-event.ts';
import type { Call } from '../../local/aws/calls.ts';
import { startAws } from '../../local/aws/cloud.ts';
import type { Fault } from '../../local/aws/faults.ts';
import type { Advisory } from '../../local/aws/inspector-finding.ts';
import { allowing } from '../../local/aws/principals.ts';
import { virtualClock } from '../../local/clock.ts';
import { type Graph, graphOf } from '../../local/graph.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { CHANGES, subjectsOf } from '../mail-subjects.ts';
import { settingsOf } from '../worker.ts';
import {
  type Bounds,
  type ChaosCloud,
  type ChaosOptions,
  decisionsIn,
  HASTE,
  repositoryIn,
  seenRecord,
  withCode,
} from './cloud.ts';
import { between, type Draw } from './draw.ts';
import { type CallFate, createCallFates, STALE_MILLISECONDS } from './fates.ts';
import { createOpeningHooks } from './openings.ts';
import { slowWorkers } from './slow.ts';
import type { PlainPolicy, TrueRepository, Vulnerability } from './truth.ts';

const MINUTE = 60_000;
const ACCOUNT = '123456789012';
const SWEEP_HOURS = 6;
const TICK_MINUTES = 120;
const TIMEOUT_SECONDS = 300;
const RECEIVES = 8;
const BATCH_WINDOW_SECONDS = 5;

export const AWS_BOUNDS: Bounds = {
  event: (BATCH_WINDOW_SECONDS + TIMEOUT_SECONDS * RECEIVES) * 1000,
  setback: (6 * TIMEOUT_SECONDS + BATCH_WINDOW_SECONDS) * 1000,
  tick: TICK_MINUTES * MINUTE,
  sweep: SWEEP_HOURS * 60 * MINUTE,
};

const graphs = new Map<string, Promise<Graph>>();

/** The program's graph for a policy, cached by config. */
function graphFor(policy: PlainPolicy, { maxClosesPerHour, mode }: ChaosOptions['scenario']): Promise<Graph> {
  const { threshold, unfixable, exploited, images, excepted } = policy;
  const exceptions = excepted.map((id) => ({ id, expires: '2030-01-01', reason: 'not reachable' }));
  const config = {
    'pullgate:severityThreshold': threshold,
    'pullgate:policy': { unfixable, exploited, images, exceptions },
    'pullgate:maxClosesPerHour': maxClosesPerHour,
    'pullgate:mode': mode,
    'pullgate:sweepHours': SWEEP_HOURS,
    'pullgate:aws': { repositories: { include: ['team/**'] } },
  };
  const key = JSON.stringify(config);
  const graph = graphs.get(key) ?? graphOf(config);
  graphs.set(key, graph);
  return graph;
}

export async function startChaosAws({ scenario, draw, code }: ChaosOptions): Promise<ChaosCloud> {
  const { truth } = scenario;
  const graph = withCode(await graphFor(truth.policy, scenario), code);
  const clock = virtualClock({ haste: HASTE });
  const largestBatch = between(draw('batch'), 2, 10);
  // A single worker never races another. Two workers need an extra process.
  const concurrency = draw('alone') < 0.3 ? 1 : 2;
  const cloud = await startAws(graph, { clock, concurrency, largestBatch });
  const { tableName, roleArn } = settingsOf(graph);
  const judge = cloud.principals.add(`arn:aws:iam::${ACCOUNT}:role/judge`, [allowing('dynamodb:*')]);
  const { records } = createTable(new DynamoDBClient(cloud.clientConfig(judge)), tableName);
  const digests = new Map<string, string>();
  const names = new Map<string, string>();
  const arns = new Map<string, string>();
  const events = new Map<string, BusEvent>();
  const editCounts = new Map([...truth.repositories.keys()].map((name) => [name, 0]));
  const crashes: number[] = [];
  const written = new Set<string>();
  const known = new Map<string, GateRecord>();
  const slow = slowWorkers<Call>({
    workers: concurrency,
    workerOf: ({ accessKeyId }) => accessKeyId,
    isWrite: ({ operation }) => /^(Put|Delete|Set)/.test(operation),
  });
  const opening = createOpeningHooks(() => clock.now().getTime(), slow.delay);
  cloud.calls.before((call) => (call.principal.arn === roleArn ? opening.before(call) : undefined));
  cloud.calls.after((call) => (call.principal.arn === roleArn ? opening.after(call) : undefined));
  let nextTick = clock.now().getTime();

  // The process of each worker starts now, so that the first races do not wait for one.
  const started = await Promise.all(Array.from({ length: concurrency }, () => cloud.lambda.invoke({ Records: [] })));
  for (const { outcome } of started)
    if (outcome.kind !== 'answered')
      throw new Error(`an empty batch must be answered, not: ${JSON.stringify(outcome)}`);

  for (const repository of truth.repositories.values())
    cloud.ecr.createRepository(repository.name, policyOption(foreignPolicy(repository, 0)));
  cloud.calls.after(({ operation, input }) => {
    const text = JSON.stringify(input);
    if (operation === 'PutItem' || operation === 'DeleteItem')
      for (const name of truth.repositories.keys()) if (text.includes(`gate#${ACCOUNT}/${name}"`)) written.add(name);
  });

  const imageOf = (name: string) => {
    const image = truth.images.get(name);
    const digest = digests.get(name);
    if (image === undefined || digest === undefined) throw new Error(`${name} was never pushed`);
    return { repository: image.repository, digest };
  };
  const arnOf = (image: string, { id }: Vulnerability) => arns.get(`${image} ${id}`) ?? '';
  const arnsOf = (image: string) => [...arns].flatMap(([key, arn]) => (key.startsWith(`${image} `) ? [arn] : []));
  const repositoryOf = (name: string): TrueRepository => {
    const found = truth.repositories.get(name);
    if (found === undefined) throw new Error(`there is no repository ${name}`);
    return found;
  };
  const foreignOf = (name: string) => foreignPolicy(repositoryOf(name), editCounts.get(name) ?? 0);

  /**
   * Moves the clock, so that every earlier answer is too old for a stale read: the old policy after an edit, because a
   * worker that reads it and then writes reverts the edit (docs/limits.md); and the old findings after a suppression
   * ends.
   */
  const outlastStaleReads = () => clock.advance(STALE_MILLISECONDS + 1);

  const step: ChaosCloud['apply'] = async (given) => {
    switch (given.kind) {
      case 'push': {
        const digest = await cloud.ecr.pushImage(given.repository, { tag: given.tag, content: given.image });
        if (!digests.has(given.image)) cloud.inspector.scanned(given.repository, digest);
        digests.set(given.image, digest);
        names.set(digest, given.image);
        return;
      }
      case 'report': {
        const arn = await cloud.inspector.report(imageOf(given.image), advisoryOf(given.vulnerability));
        const key = `${given.image} ${given.vulnerability.id}`;
        arns.set(key, arn);
        events.set(key, cloud.inspector.eventOf(arn));
        return;
      }
      case 'vanish': {
        const { repository, digest } = imageOf(given.image);
        const statusCode = 'INACTIVE';
        cloud.inspector.cover({ repository, digest, statusCode, reason: 'SCAN_ELIGIBILITY_EXPIRED' });
        for (const arn of arnsOf(given.image))
          if (cloud.inspector.finding(arn)?.status === 'ACTIVE') await cloud.inspector.setStatus(arn, 'CLOSED');
        return;
      }
      case 'fix': {
        const { repository, digest } = imageOf(given.image);
        cloud.inspector.scanned(repository, digest);
        for (const arn of arnsOf(given.image)) await cloud.inspector.setStatus(arn, 'CLOSED');
        return;
      }
      case 'suppress':
        return cloud.inspector.setStatus(arnOf(given.image, given.vulnerability), 'SUPPRESSED');
      case 'unsuppress':
        await cloud.inspector.setStatus(arnOf(given.image, given.vulnerability), 'ACTIVE');
        return outlastStaleReads();
      case 'remove': {
        const { repository, digest } = imageOf(given.image);
        return cloud.ecr.deleteImage(repository, digest);
      }
      case 'replay': {
        const event = events.get(`${given.image} ${given.vulnerability.id}`);
        if (event !== undefined) await cloud.bus.put(event);
        return;
      }
      case 'edit': {
        const repository = cloud.ecr.repository(given.repository);
        const count = editCounts.get(given.repository) ?? 0;
        const before = teamStatement(repositoryOf(given.repository), count);
        editCounts.set(given.repository, count + 1);
        const after = teamStatement(repositoryOf(given.repository), count + 1);
        repository.policyText = repository.policyText?.replace(before, after);
        return outlastStaleReads();
      }
      case 'strip':
        cloud.ecr.repository(given.repository).policyText = foreignOf(given.repository);
        return outlastStaleReads();
      case 'policy':
        return cloud.deploy(withCode(await graphFor(given.policy, scenario), code));
    }
  };

  async function advance(milliseconds: number): Promise<void> {
    const end = clock.now().getTime() + milliseconds;
    for (;;) {
      await cloud.runUntilIdle();
      await slow.doWhatIsPending();
      await opening.doWhatIsPending();
      const next = Math.min(cloud.queue.nextVisibleAt() ?? Number.POSITIVE_INFINITY, nextTick);
      if (next > end) break;
      clock.advance(Math.max(0, next - clock.now().getTime()));
      if (nextTick <= clock.now().getTime()) {
        cloud.queue.send('{"pullgate":"tick"}');
        nextTick += AWS_BOUNDS.tick;
      }
    }
    clock.advance(end - clock.now().getTime());
  }

  return {
    name: 'aws',
    now: () => clock.now().getTime(),
    async apply(given, fate) {
      const undo = [
        ...(fate.isLost ? [cloud.faults.addToBus({ kind: 'lose' })] : []),
        ...(fate.copies > 1 ? [cloud.faults.addToBus({ kind: 'duplicate', copies: fate.copies })] : []),
        ...(fate.overtakes ? [cloud.faults.addToBus({ kind: 'reorder' })] : []),
        ...(fate.delayMinutes > 0
          ? [cloud.faults.addToBus({ kind: 'delay', milliseconds: fate.delayMinutes * MINUTE })]
          : []),
      ];
      await step(given, fate);
      for (const take of undo) take();
    },
    disturb(drawn) {
      const fateOf = createCallFates(drawn);
      const fates = new WeakMap<Call, CallFate | 'none'>();
      const isDisturbed = ({ principal }: Call) => principal.arn === roleArn;
      const fateOfCall = (call: Call): CallFate | 'none' => {
        const fate = fates.get(call) ?? (isDisturbed(call) ? fateOf(describe(call)) : undefined) ?? 'none';
        fates.set(call, fate);
        if (fate.startsWith('crash') && crashes.at(-1) !== clock.now().getTime()) crashes.push(clock.now().getTime());
        return fate;
      };
      const meets = (fate: CallFate) => ({
        where: (call: Call) => fateOfCall(call) === fate,
        times: Number.POSITIVE_INFINITY,
      });
      for (const kind of ['throttle', 'serverError', 'timeout', 'reset', 'drop'] as const)
        cloud.faults.add({ kind, ...meets(kind) } satisfies Fault);
      cloud.faults.add({ kind: 'stale', maxAgeMilliseconds: STALE_MILLISECONDS, ...meets('stale') });
      cloud.faults.add({ kind: 'crash', when: 'before', ...meets('crashBefore') });
      cloud.faults.add({ kind: 'crash', when: 'after', ...meets('crashAfter') });
      slow.begin(drawn, (hook) => cloud.calls.before((call) => (isDisturbed(call) ? hook(call) : undefined)));
      slow.alsoOnEnd(takeOutWhatWasWritten(drawn));
    },
    runAt(moment, happening, action) {
      if (moment === 'midway') return slow.midway(() => action(undefined));
      if (happening.kind === 'policy') throw new Error('a change of the policy concerns no single repository');
      const { repository } = 'repository' in happening ? happening : imageOf(happening.image);
      opening.runAt(repository, moment, action);
    },
    calm() {
      slow.end();
      cloud.faults.clear();
    },
    advance,
    async observe() {
      for (const name of written) {
        const { value } = await records.load({ registry: ACCOUNT, repository: name });
        if (value === undefined) known.delete(name);
        else known.set(name, value);
      }
      written.clear();
      const policies = [...truth.repositories.keys()].map((name) => ({
        name,
        text: cloud.ecr.repository(name).policyText,
      }));
      return {
        at: clock.now().getTime(),
        closed: new Set(policies.flatMap(({ name, text = '' }) => (isOurs(text) ? [name] : []))),
        records: [...known].map(([gate, record]) => seenRecord(gate, record, names)),
        notified: cloud.notices.flatMap(({ subject = '', message }) => subjectsOf(subject, message).flatMap(changeIn)),
        waiting: cloud.queue.messages().length,
        dead: cloud.deadLetters.messages().map(({ body }) => body),
        setbacks: [
          ...crashes,
          ...cloud.logs.flatMap(({ json, at }) => (json?.['kind'] === 'retryDelayFailed' ? [at.getTime()] : [])),
        ],
        damage: policies.flatMap(({ name, text }) => damageTo(name, text)),
      };
    },
    decided: () => decisionsIn(cloud.logs, (repository) => repository),
    calls: () => Object.values(cloud.calls.count(roleArn)).reduce((sum, count) => sum + count, 0),
    crashes: () => crashes.length,
    sweeps: () => cloud.logs.filter(({ text }) => text.includes('"kind":"sweep"')).length,
    logs: () => cloud.logs.map(({ text }) => text),
    stop: () => cloud.stop(),
  };

  /** Sometimes the team's tooling overwrites the policy between our write and our read-back. */
  function takeOutWhatWasWritten(drawn: Draw): () => void {
    const justWritten = new Map<string, string>();
    let count = 0;
    return cloud.calls.before(({ operation, input, accessKeyId, principal }) => {
      if (principal.arn !== roleArn) return;
      const name = String(input['repositoryName'] ?? '');
      if (operation === 'SetRepositoryPolicy') justWritten.set(name, accessKeyId);
      else if (operation === 'GetRepositoryPolicy' && justWritten.get(name) === accessKeyId) {
        justWritten.delete(name);
        if (drawn('overwritten', name, ++count) < 0.3) cloud.ecr.repository(name).policyText = foreignOf(name);
      }
    });
  }

  function damageTo(name: string, text: string | undefined): readonly string[] {
    const foreign = foreignOf(name);
    if (!isOurs(text ?? '')) return text === foreign ? [] : [`${name}: the policy was ${foreign} and is ${text}`];
    const statement = foreign === undefined ? '' : teamStatement(repositoryOf(name), editCounts.get(name) ?? 0);
    return text?.includes(statement) === true ? [] : [`${name}: the team's statement ${statement} is not in ${text}`];
  }
}

/** `[pullgate] closed: team/app-1` */
function changeIn(subject: string): readonly { readonly gate: string; readonly change: string }[] {
  const [, words = '', gate] = /^\[pullgate\] (.+): (\S+)$/.exec(subject) ?? [];
  const change = CHANGES[words];
  return gate === undefined || change === undefined ? [] : [{ gate, change }];
}

function describe({ service, operation, input }: Call) {
  const about = repositoryIn(input);
  const isRead = /^(Get|Describe|List|BatchGet)/.test(operation) && service !== 'dynamodb';
  // Calls to the queue, and calls that concern no single repository, are never rough.
  return { service, operation, about, isRead, isRough: service !== 'sqs' && about !== '' };
}

function isOurs(policy: string): boolean {
  return policy.includes('"Sid":"Pullgate');
}

/** The team's own statement, with the irregular spacing of a handwritten policy. */
function teamStatement({ name }: TrueRepository, edits: number): string {
  return `{ "Sid" :"${name.replaceAll(/\W/g, '')}${edits}",  "Effect":"Allow", "Principal": {"AWS":"arn:aws:iam::210987654321:root"},\n "Action":["ecr:BatchGetImage",   "ecr:DescribeImages"] }`;
}

/** The team's own policy. Every third repository has none, unless it serves Lambda functions. */
function foreignPolicy(repository: TrueRepository, edits: number): string | undefined {
  const { name, servesLambda } = repository;
  if (Number(name.split('-').at(-1)) % 3 === 2 && !servesLambda) return undefined;
  const lambda =
    '{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage"}';
  const statements = [teamStatement(repository, edits), ...(servesLambda ? [lambda] : [])];
  return `{"Version":"2012-10-17",\n   "Statement":[ ${statements.join(' , ')} ]}`;
}

function policyOption(policyText: string | undefined): { readonly policyText?: string } {
  return policyText === undefined ? {} : { policyText };
}

function advisoryOf({ id, severity, score, fixable, exploited }: Vulnerability): Advisory {
  return {
    vulnerability: id,
    severity: severity?.toUpperCase() ?? 'UNTRIAGED',
    packages: [{ name: `package-of-${id}`, version: '1.0.0', ...(fixable ? { fixedInVersion: '1.0.1' } : {}) }],
    fixAvailable: fixable ? 'YES' : 'NO',
    exploitAvailable: exploited ? 'YES' : 'NO',
    cvss: [{ baseScore: score, version: '3.1' }],
  };
}
