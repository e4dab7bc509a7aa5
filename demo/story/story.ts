// The story of one vulnerable image, played on every cloud at once: each step acts, checks the outcome, and reports
// what happened and why.
import type { Cloud } from '../../config/config.ts';
import { type Graph, startProgram } from '../../local/graph.ts';
import { check, errorMessage, isRefused, type Line, REPOSITORY, type StoryCloud, VULNERABILITY } from './cloud.ts';

/** What happened on one cloud, or on all of them if `cloud` is undefined. */
export interface Block {
  readonly cloud: string | undefined;
  readonly lines: readonly Line[];
}

/** The report of one step. */
export interface Step {
  readonly number: number;
  readonly headline: string;
  readonly blocks: readonly Block[];
  readonly milliseconds: number;
}

/** The output of the story. */
export interface Printer {
  readonly title: (text: string) => void;
  readonly step: (step: Step) => void;
  readonly note: (text: string) => void;
}

export interface StoryOptions {
  /** The clouds to play on, at least one. Default: all. */
  readonly clouds?: readonly Cloud[];
  /** Full config keys that replace the story's own. The story's config closes from "high" up, and exempts CI on AWS. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Ends the story early and stops what it started. */
  readonly signal?: AbortSignal;
}

/** Each cloud's module is loaded only if the story needs it. */
const CLOUDS = {
  aws: async () => {
    const [{ CI }, { startStoryAws }] = await Promise.all([import('../acts-aws.ts'), import('./aws.ts')]);
    return { start: startStoryAws, config: { exemptPrincipals: [CI] } };
  },
  azure: async () => {
    const [{ REGISTRY }, { startStoryAzure }] = await Promise.all([import('../acts-azure.ts'), import('./azure.ts')]);
    return { start: startStoryAzure, config: { registries: [REGISTRY] } };
  },
} as const satisfies Record<Cloud, () => Promise<{ start(graph: Graph): Promise<StoryCloud>; config: object }>>;

const EXCEPTION = {
  id: VULNERABILITY.id,
  repository: REPOSITORY,
  expires: '2099-12-31',
  reason: 'the vulnerable function is not called',
  approvedBy: 'security',
};

/**
 * Plays the story.
 *
 * @throws Error if a step fails: it names the step, the cloud, the expected and the actual value; or the signal's
 *   reason
 */
export async function playStory(printer: Printer, options: StoryOptions = {}): Promise<void> {
  const { clouds: names = ['aws', 'azure'], signal = new AbortController().signal } = options;
  const from = performance.now();
  const clouds: StoryCloud[] = [];
  const program = startProgram();
  let number = 0;
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  // Nothing awaits it between two steps.
  aborted.catch(() => {});
  const steps: Steps = async (headline, act) => {
    const blocks: Block[] = [];
    const startedAt = performance.now();
    number += 1;
    signal.throwIfAborted();
    try {
      await Promise.race([act(scene(clouds, blocks)), aborted]);
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new Error(`Step ${number} (${headline}): ${errorMessage(cause)}`, { cause });
    }
    printer.step({ number, headline, blocks, milliseconds: performance.now() - startedAt });
  };
  try {
    printer.title(
      `pullgate blocks pulls of a container image when the scanner finds a vulnerability that violates the policy, and allows them again once there is proof that the vulnerability is gone. This demo runs on ${names.length > 1 ? 'local clouds' : 'a local cloud'} with the real Pulumi program, functions and protocols. You do not need a cloud account.`,
    );
    const parts = await Promise.all(names.map(async (name) => [name, await CLOUDS[name]()] as const));
    const config = {
      'pullgate:clouds': names,
      'pullgate:mode': 'enforce',
      'pullgate:severityThreshold': 'high',
      'pullgate:notifyEmails': ['security@example.com'],
      ...Object.fromEntries(parts.map(([name, own]) => [`pullgate:${name}`, own.config])),
      ...options.config,
    };
    await steps('`pulumi up` deploys the stack', async ({ say, onEach }) => {
      const graph = await program.graphOf(config);
      const started = await Promise.allSettled(parts.map(([, { start }]) => start(graph)));
      for (const one of started) if (one.status === 'fulfilled') clouds.push(one.value);
      for (const one of started) if (one.status === 'rejected') throw one.reason;
      say('The policy: a finding with severity "high" or higher closes the gate.');
      await onEach(async (cloud, { say }) => {
        say(`${contentsOf(graph, cloud)}. ${cloud.gate}`);
      });
    });
    await closing(steps);
    await waysOut(steps, (exceptions) => program.graphOf({ ...config, 'pullgate:policy': { exceptions } }));
    const seconds = ((performance.now() - from) / 1_000).toFixed(1);
    const delays = clouds.map(({ name, delay }) => `on ${name}, ${delay}`).join('; ');
    printer.note(
      `All ${number} steps passed in ${seconds} s. On the real clouds, a closing takes as long as the scanner: ${delays}. Next: README.md, "Deploy".`,
    );
  } finally {
    program.stop();
    await Promise.all(clouds.map((cloud) => cloud.stop()));
  }
}

interface Say {
  readonly say: (text: string) => void;
  readonly show: (lines: readonly Line[]) => void;
}
interface Scene extends Say {
  /** Acts on every cloud at once; each cloud reports its own lines. */
  readonly onEach: <T>(act: (cloud: StoryCloud, say: Say) => Promise<T>) => Promise<readonly T[]>;
}
type Steps = (headline: string, act: (scene: Scene) => Promise<void>) => Promise<void>;

function scene(clouds: readonly StoryCloud[], blocks: Block[]): Scene {
  const sayTo = (cloud: string | undefined): Say => {
    const lines: Line[] = [];
    blocks.push({ cloud, lines });
    return { say: (text) => void lines.push({ kind: 'text', text }), show: (more) => void lines.push(...more) };
  };
  return {
    say: (text) => sayTo(undefined).say(text),
    show: (lines) => sayTo(undefined).show(lines),
    async onEach(act) {
      const done = await Promise.allSettled(clouds.map((cloud) => act(cloud, sayTo(cloud.name))));
      return done.map((one, index) => {
        if (one.status === 'fulfilled') return one.value;
        const cloud = clouds[index];
        const said = cloud?.lastDecision();
        const last = said === undefined ? '' : `. The function’s last decision: ${said}`;
        throw new Error(`${cloud?.name}: ${errorMessage(one.reason)}${last}`, { cause: one.reason });
      });
    },
  };
}

/** From the first push to the refused pull. */
async function closing(steps: Steps): Promise<void> {
  await steps(`CI pushes ${REPOSITORY}:1.0, and production pulls it`, async ({ say, onEach }) => {
    await onEach(async (cloud, { say }) => {
      const own = cloud.createRepository();
      check('CI’s push', (await cloud.push('1.0', 'checkout 1.0')).status, 201);
      check('production’s pull', (await cloud.pull('1.0')).status, 200);
      say(['Push: 201 (created). Pull: 200 (allowed).', ...own].join(' '));
    });
    say('The image has a vulnerability that is not known yet.');
  });
  await steps('The scanner reports a finding, and the gate closes', async ({ say, show, onEach }) => {
    const mails = await onEach(async (cloud, { say, show }) => {
      const own = await cloud.scanFinds('1.0');
      const shown = cloud.showClosed('1.0');
      say([`${cloud.scanner} finds ${VULNERABILITY.id}.`, ...own].join(' '));
      say(`Why: ${cloud.lastDecision()}.`);
      show(shown);
      return { subject: cloud.lastMail()?.subject, body: bodyOf(cloud.lastMail()?.text ?? '') };
    });
    // The lines about the image differ by scanner, and the first advice by what a gate is.
    const advice = (body: readonly string[]) => body.filter((line) => /^ {2}[2-9]\. /.test(line)).join('\n');
    for (const { body } of mails) {
      check('the mail names the finding', body.join('\n').includes(`${VULNERABILITY.id} (critical`), true);
      check('the mail’s advice', advice(body), advice(mails[0]?.body ?? []));
    }
    const subjects = mails.map(({ subject }) => `"${subject}"`).join(' and ');
    say(
      `pullgate sends ${mails.length > 1 ? 'mails' : 'a mail'}, ${subjects}, with the reason and how to open the gate:`,
    );
    show((mails[0]?.body ?? []).map((text) => ({ kind: 'text', text })));
  });
  await steps('The same pull is refused', async ({ onEach }) => {
    await onEach(async (cloud, { say }) => {
      const pulled = await cloud.pull('1.0');
      check('production’s pull is refused', isRefused(pulled), true);
      say(`Pull: ${pulled.status}. ${pulled.message}.`);
    });
  });
  await steps('CI can still push the fix', async ({ onEach }) => {
    await onEach(async (cloud, { say }) => {
      check('the push of the fix', (await cloud.push('1.1', 'checkout 1.1, fixed')).status, 201);
      const own = await cloud.whatStaysPossible('1.0', '1.1');
      say(['CI’s push of 1.1: 201.', ...own].join(' '));
    });
  });
}

/**
 * Two ways to open a gate: proof that the vulnerability is gone, or an exception. A finding that merely disappears
 * opens nothing.
 */
async function waysOut(steps: Steps, graphWith: (exceptions: readonly unknown[]) => Promise<Graph>): Promise<void> {
  await steps('The finding disappears without proof, and the gate stays closed', async ({ say, onEach }) => {
    await onEach(async (cloud, { say }) => {
      const how = await cloud.forgetFinding('1.0');
      const pulled = await cloud.pull('1.0');
      check('production’s pull is refused', isRefused(pulled), true);
      say(`${how} Pull of 1.0: ${pulled.status}.`);
      say(`Why: ${cloud.lastDecision()}.`);
    });
    say('A finding that merely disappears proves nothing, so no gate opens.');
  });
  await steps('There is proof that the vulnerability is gone, and the gate opens', async ({ onEach }) => {
    await onEach(async (cloud, { say }) => {
      const { how, pullable } = await cloud.prove('1.0', '1.1');
      const shown = cloud.showOpen('1.0');
      check(`production’s pull of ${pullable}`, (await cloud.pull(pullable)).status, 200);
      say(`${how} ${shown} Pull of ${pullable}: 200.`);
      say(`Why: ${cloud.lastDecision()}.`);
    });
  });
  await steps('Another image has the same vulnerability, and an exception opens its gate', async ({ say, onEach }) => {
    await onEach(async (cloud, { say }) => {
      check('CI’s push', (await cloud.push('1.2', 'checkout 1.2')).status, 201);
      await cloud.scanFinds('1.2');
      const pulled = await cloud.pull('1.2');
      check('production’s pull is refused', isRefused(pulled), true);
      say(`Push of 1.2: 201. The scan finds the same vulnerability, and the gate closes. Pull: ${pulled.status}.`);
    });
    say(
      `Security reviews the finding and adds an exception to the stack’s config: ${EXCEPTION.id}, until ${EXCEPTION.expires}, because ${EXCEPTION.reason}. After \`pulumi up\`, the next tick (within five minutes) reconciles every gate:`,
    );
    const graph = await graphWith([EXCEPTION]);
    await onEach(async (cloud, { say }) => {
      await cloud.redeploy(graph);
      check('production’s pull', (await cloud.pull('1.2')).status, 200);
      say(`The gate opens. Pull: 200. Why: ${cloud.lastDecision()}.`);
    });
  });
}

/** The part of a mail about the image and how to open the gate, without the gate's name and the time. */
function bodyOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => /^ +\S/.test(line));
}

/** How many resources of a graph belong to this cloud, and the size of its function. */
function contentsOf({ resources, archives }: Graph, { typePrefix }: StoryCloud): string {
  const own = resources.filter(({ type }) => type.startsWith(typePrefix));
  const [bundle] = own.flatMap(({ urn }) => archives[urn]?.['index.mjs'] ?? []);
  const kilobytes = Math.round(Buffer.byteLength(bundle ?? '') / 1_000);
  return `${own.length} resources, including a function of ${kilobytes} KB`;
}
