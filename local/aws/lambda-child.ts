// One execution environment of a local Lambda function: loads the handler and answers the invocations that arrive on
// the process's channel.
import { format } from 'node:util';
import { keepCompileCache } from '../archive.ts';
import { type CloudTime, setCloudTime, tellCloudTime } from '../cloud-date.ts';
import { peakMemoryBytes } from '../peak-memory.ts';

export type ToChild =
  | { readonly kind: 'load'; readonly url: string; readonly exportName: string; readonly clock: CloudTime }
  | {
      readonly kind: 'invoke';
      readonly event: unknown;
      readonly clock: CloudTime;
      readonly timeoutMilliseconds: number;
      readonly context: { readonly awsRequestId: string } & Readonly<Record<string, string>>;
    };

export type FromChild =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'answered'; readonly answer: unknown; readonly peakMemoryMegabytes: number }
  | { readonly kind: 'failed'; readonly error: string; readonly peakMemoryMegabytes: number };

type Handler = (event: unknown, context: object) => unknown;

let requestId = '';
let handler: Handler | undefined;
tellCloudTime();
keepCompileCache();

/**
 * In Lambda's text log format, console output has a prefix, so such a line is not JSON.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 */
function writeLog(level: string, words: readonly unknown[]): void {
  const text = format(...words).replaceAll('\n', '\r');
  process.stdout.write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${text}\n`);
}

const LEVELS = { log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', debug: 'DEBUG', trace: 'TRACE' };
for (const [method, level] of Object.entries(LEVELS)) {
  Object.assign(globalThis.console, { [method]: (...words: unknown[]) => writeLog(level, words) });
}

function sendMessage(message: FromChild): void {
  process.send?.(message);
}

const peak = () => Math.ceil(peakMemoryBytes() / 2 ** 20);

async function invoke({ event, context, timeoutMilliseconds }: Extract<ToChild, { kind: 'invoke' }>): Promise<void> {
  requestId = context.awsRequestId;
  const startedAt = performance.now();
  const getRemainingTimeInMillis = () => Math.max(0, timeoutMilliseconds - (performance.now() - startedAt));
  try {
    if (handler === undefined) throw new Error('the handler was not loaded');
    const answer = await handler(event, { ...context, getRemainingTimeInMillis });
    end();
    sendMessage({ kind: 'answered', answer: JSON.parse(JSON.stringify(answer ?? null)), peakMemoryMegabytes: peak() });
  } catch (error) {
    writeLog('ERROR', ['Invoke Error', error]);
    end();
    sendMessage({ kind: 'failed', error: format(error), peakMemoryMegabytes: peak() });
  }
}

/** Lambda's own line at the end of an invocation's log. When the parent reads it, it has read the whole log. */
function end(): void {
  process.stdout.write(`END RequestId: ${requestId}\n`);
}

process.on('message', async (message: ToChild) => {
  setCloudTime(message.clock);
  if (message.kind === 'invoke') return invoke(message);
  try {
    const module: Readonly<Record<string, Handler | undefined>> = await import(message.url);
    handler = module[message.exportName];
    if (handler === undefined) throw new Error(`the bundle exports no ${message.exportName}`);
    sendMessage({ kind: 'loaded' });
  } catch (error) {
    sendMessage({ kind: 'failed', error: format(error), peakMemoryMegabytes: peak() });
  }
});
process.on('disconnect', () => process.exit());
