// One run's world on the local AWS, where a gate is a repository. The function and its resources come from the deployed
// graph.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTable } from '../../aws/function/records.ts';
import { createAwsClient } from '../../cli/stack/aws-client.ts';
import type { AwsStack } from '../../cli/stack/stack.ts';
import type { Call } from '../../local/aws/calls.ts';
import { startAws } from '../../local/aws/cloud.ts';
import type { Fault } from '../../local/aws/faults.ts';
import { allowing } from '../../local/aws/principals.ts';
import { virtualClock } from '../../local/clock.ts';
import { type Graph, graphOf } from '../../local/graph.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { subjectsOf } from '../mail-subjects.ts';
import { clientsOf, settingsOf } from '../worker.ts';
import { awsRows } from './aws-rows.ts';
import { awsWorldOf } from './aws-world.ts';
import {
  type Bounds,
  type ChaosCloud,
  type ChaosOptions,
  collectAdmissions,
  decisionsIn,
  HASTE,
  repositoryIn,
  rulesConfig,
  seenRecord,
  withCode,
  writesBetween,
} from './cloud.ts';
import { between, type Draw } from './draw.ts';
import { type CallFate, createCallFates, STALE_MILLISECONDS } from './fates.ts';
import { createOpeningHooks } from './openings.ts';
import { actOn, stackOf } from './people.ts';
import { slowWorkers } from './slow.ts';
import type { PlainPolicy } from './truth.ts';

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
  invocation: TIMEOUT_SECONDS * 1000,
};

/** The calls that change a record, the registry, or what people read. */
const WRITES = /^(dynamodb:(Put|Delete)Item|ecr:(Set|Delete)RepositoryPolicy|sns:Publish)$/;

const graphs = new Map<string, Promise<Graph>>();

/** The program's graph for a policy, cached by config. */
function graphFor(
  policy: PlainPolicy,
  { truth, maxClosesPerHour, maxClosesPerDay, mode }: ChaosOptions['scenario'],
): Promise<Graph> {
  const { threshold, unfixable, exploited, epss, images, excepted } = policy;
  const exceptions = excepted.map((id) => ({ id, expires: '2030-01-01', reason: 'not reachable' }));
  const config = {
    'pullgate:severityThreshold': threshold,
    'pullgate:policy': { unfixable, exploited, epss, images, exceptions },
    'pullgate:maxClosesPerHour': maxClosesPerHour,
    'pullgate:maxClosesPerDay': maxClosesPerDay,
    'pullgate:mode': mode,
    'pullgate:rules': rulesConfig(truth.rules),
    'pullgate:sweepHours': SWEEP_HOURS,
    'pullgate:aws': { repositories: { include: ['team/**'] } },
  };
  const key = JSON.stringify(config);
  const graph = graphs.get(key) ?? graphOf(config);
  graphs.set(key, graph);
  return graph;
}

export async function startChaosAws({ scenario, draw, code, pauseStack }: ChaosOptions): Promise<ChaosCloud> {
  const { truth } = scenario;
  const graph = withCode(await graphFor(truth.policy, scenario), code);
  const clock = virtualClock({ haste: HASTE });
  const largestBatch = between(draw('batch'), 2, 10);
  // A single worker never races another. Two workers need an extra process.
  const concurrency = draw('alone') < 0.3 ? 1 : 2;
  const cloud = await startAws(graph, { clock, concurrency, largestBatch });
  const { tableName, roleArn } = settingsOf(graph);
  const judge = cloud.principals.add(`arn:aws:iam::${ACCOUNT}:role/judge`, [allowing('dynamodb:*')]);
  const dynamodb = new DynamoDBClient(cloud.clientConfig(judge));
  const { records, row } = createTable(dynamodb, tableName);
  const operator = clientsOf(cloud, cloud.principals.add(`arn:aws:iam::${ACCOUNT}:role/operator`, [allowing('*')]));
  const instant = () => clock.now().toISOString();
  let client = createAwsClient(await awsStackOf(graph), instant, operator);
  const world = awsWorldOf(cloud, truth, clock, async (policy) => {
    const next = await graphFor(policy, scenario);
    client = createAwsClient(await awsStackOf(next), instant, operator);
    await cloud.deploy(withCode(next, code));
  });
  const gateOf = (image: string): Gate => ({ registry: ACCOUNT, repository: world.imageOf(image).repository });
  const rows = awsRows(dynamodb, tableName);
  const admissionsIn = collectAdmissions();
  const gates = new Map<string, Gate>(
    [...truth.repositories.keys()].map((repository) => [repository, { registry: ACCOUNT, repository }]),
  );
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

  cloud.calls.after(({ operation, input }) => {
    const text = JSON.stringify(input);
    if (operation === 'PutItem' || operation === 'DeleteItem')
      for (const name of truth.repositories.keys()) if (text.includes(`gate#${ACCOUNT}/${name}"`)) written.add(name);
  });

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
      await world.happen(given);
      for (const take of undo) take();
    },
    act: (step) =>
      actOn({ client, rows, pauseStack, gateOf, now: () => clock.now().getTime(), openByHand: refuseByHand }, step),
    repair: (image) => rows.repair(gateOf(image)),
    async reconcileAll() {
      const before = cloud.calls.count(roleArn);
      for (const repository of truth.repositories.keys())
        cloud.queue.send(JSON.stringify({ pullgate: 'reconcile', repository, trigger: 'sweep' }));
      await cloud.runUntilIdle();
      return writesBetween(before, cloud.calls.count(roleArn), WRITES);
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
      if (happening.kind === 'policy' || happening.kind === 'pause')
        throw new Error(`a ${happening.kind} concerns no single repository`);
      const { repository } = 'repository' in happening ? happening : world.imageOf(happening.image);
      opening.runAt(repository, moment, action);
    },
    calm() {
      slow.end();
      cloud.faults.clear();
    },
    advance,
    async observe() {
      for (const name of written) {
        const gate: Gate = { registry: ACCOUNT, repository: name };
        // A row that cannot be read says what it last said.
        if (rows.isSpoiled(gate)) continue;
        const { value } = await records.load(gate);
        if (value === undefined) known.delete(name);
        else known.set(name, value);
      }
      written.clear();
      return {
        at: clock.now().getTime(),
        closed: world.closed(),
        records: [...known].map(([gate, record]) => seenRecord(gate, record, world.names)),
        notified: cloud.notices.flatMap(({ subject = '', attributes, message }) =>
          subjectsOf(subject, message).map((one) => ({
            gate: one.slice(one.lastIndexOf(' ') + 1),
            change: attributes['change'] ?? '',
            text: message,
          })),
        ),
        admissions: admissionsIn((await row('brake').load()).value, gates),
        waiting: cloud.queue.messages().length,
        // After its last receive a message is still hidden for a while before it is moved.
        dead: [
          ...cloud.deadLetters.messages(),
          ...cloud.queue.messages().filter(({ receiveCount }) => receiveCount >= RECEIVES),
        ].map(({ body }) => body),
        setbacks: [
          ...crashes,
          ...cloud.logs.flatMap(({ json, at }) => (json?.['kind'] === 'retryDelayFailed' ? [at.getTime()] : [])),
        ],
        damage: world.damage(),
      };
    },
    decided: () => decisionsIn(cloud.logs, (repository) => repository),
    calls: () => Object.values(cloud.calls.count(roleArn)).reduce((sum, count) => sum + count, 0),
    crashes: () => crashes.length,
    sweeps: () => cloud.logs.filter(({ text }) => text.includes('"kind":"sweep"')).length,
    logs: () => cloud.logs.map(({ text }) => text),
    async stop() {
      dynamodb.destroy();
      await cloud.stop();
    },
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
        if (drawn('overwritten', name, ++count) < 0.3) world.strip(name);
      }
    });
  }
}

async function awsStackOf(graph: Graph): Promise<AwsStack> {
  const { aws } = await stackOf(graph);
  if (aws === undefined) throw new Error('the stack is on AWS');
  return aws;
}

/** On AWS, the statement's id shows that a lock is pullgate's, so the command opens every gate. */
function refuseByHand({ repository }: Gate): never {
  throw new Error(`the pause left ${repository} locked`);
}

function describe({ service, operation, input }: Call) {
  const about = repositoryIn(input);
  const isRead = /^(Get|Describe|List|BatchGet)/.test(operation) && service !== 'dynamodb';
  // Calls to the queue, and calls that concern no single repository, are never rough.
  return { service, operation, about, isRead, isRough: service !== 'sqs' && about !== '' };
}
