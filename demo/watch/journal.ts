// The log of the page of `npm start -- --watch`: people's actions, the functions' log lines, and the mails, in one
// order.

import type { LogLine } from '../../local/log-line.ts';
import type { Acts } from '../acts.ts';

/** One line of the log. */
export interface Entry {
  /** Increasing, with gaps. */
  readonly id: number;
  /** The cloud's time, or the machine's time if the line belongs to no particular cloud; ISO 8601. */
  readonly at: string;
  readonly cloud?: string;
  /** `act`: an action by a person or the scanner; `decision`, `line`: from the function's log; `problem`: a failure. */
  readonly kind: 'act' | 'decision' | 'line' | 'mail' | 'problem';
  /** What the line means for pulls. */
  readonly tone?: 'closed' | 'opened' | 'waiting';
  readonly text: string;
  /** The full text: the function's log line as written, or the mail. */
  readonly more?: string;
}

/** The function's last decision about a gate. */
export interface Said {
  readonly message: string;
  /** `closed`, `waiting: brake`, ... */
  readonly state: string;
}

export interface Journal {
  /** The most recent entries, oldest first. */
  entries(): readonly Entry[];
  add(entry: Omit<Entry, 'id' | 'at'>, at: Date): void;
  /** Adds the function's new log lines and the new mails of a cloud. */
  read(acts: Acts): void;
  /** @param gate as in `ShownImage` */
  saidOf(cloud: string, gate: string): Said | undefined;
}

const MAX_ENTRIES = 1_000;
const MAX_CHARACTERS = 6_000;

/**
 * @param nextId returns a higher number on each call
 * @param tell is called with each new entry
 */
export function createJournal(nextId: () => number, tell: (entry: Entry) => void): Journal {
  const entries: Entry[] = [];
  const said = new Map<string, Said>();

  const add: Journal['add'] = (given, at) => {
    const entry = { ...given, id: nextId(), at: at.toISOString() };
    entries.push(entry);
    if (entries.length > MAX_ENTRIES) entries.shift();
    tell(entry);
  };
  const addLine = (cloud: string, { json, text, at }: LogLine): void => {
    if (json?.['kind'] !== 'decision') {
      add({ cloud, ...plain(text, json) }, at);
      return;
    }
    const [gate, registry, message, state] = ['gate', 'registry', 'message', 'to'].map((key) => String(json[key]));
    said.set(`${cloud} ${gate?.slice(`${registry}/`.length)}`, { message: message ?? '', state: state ?? '' });
    const tone = toneOf(String(json['action']));
    add({ cloud, kind: 'decision', text: `${message}.`, more: pretty(json), ...(tone && { tone }) }, at);
  };
  return {
    entries: () => entries,
    add,
    read(acts) {
      const { name: cloud } = acts;
      const lines = acts.takeLog().map((line) => ({ at: line.at, add: () => addLine(cloud, line) }));
      const mails = acts.takeMails().map(({ subject, text, at }) => {
        const mail = { cloud, kind: 'mail', text: subject, more: cut(text) } as const;
        return { at, add: () => add(mail, at) };
      });
      const inOrder = [...lines, ...mails].toSorted((one, other) => one.at.getTime() - other.at.getTime());
      for (const one of inOrder) one.add();
      for (const gap of acts.takeGaps())
        add({ cloud, kind: 'problem', text: `The local cloud does not support this: ${gap}` }, acts.clock.now());
    },
    saidOf: (cloud, gate) => said.get(`${cloud} ${gate}`),
  };
}

const FAILURES: readonly unknown[] = ['failed', 'refused', 'retryDelayFailed'];

/** Any other log line of a function, starting with its kind. */
function plain(text: string, json: LogLine['json']): Pick<Entry, 'kind' | 'text' | 'more'> {
  if (json === undefined) return { kind: 'line', text: cut(text) };
  const { kind, ...rest } = json;
  const words = Object.entries(rest).map(([key, value]) => `${key} ${JSON.stringify(value)}`);
  const line = `${kind}${words.length === 0 ? '' : `: ${words.join(', ')}`}`;
  return { kind: FAILURES.includes(kind) ? 'problem' : 'line', text: line.slice(0, 300), more: pretty(json) };
}

function toneOf(action: string): Entry['tone'] | undefined {
  if (action === 'closed' || action === 'restored') return 'closed';
  if (action === 'opened' || action === 'cleared') return 'opened';
  return action === 'waiting' ? 'waiting' : undefined;
}

function pretty(json: object): string {
  return cut(JSON.stringify(json, undefined, 2));
}

function cut(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)} …` : text;
}
