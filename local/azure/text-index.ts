// Which rows hold a text in a column: so that a question about one repository need not read the rows of all others.
import type { Json, Row } from './tables.ts';

/** A row, or an object that several rows share. */
type Holder = number | Shared;
interface Shared {
  readonly holders: Holder[];
}

interface Unit {
  /** As JSON writes it, in lower case. */
  readonly text: string;
  /** Undefined where so many hold it that it tells nothing. */
  holders: Holder[] | undefined;
}

export interface TextIndex {
  /** The positions of the rows that hold the text, which has no capitals and none of JSON's punctuation; undefined where many do. */
  find(text: string): readonly number[] | undefined;
}

/** What is held by more is not worth remembering. */
const MAX_HOLDERS = 20_000;
/** An answer with a bigger share of the rows exempts nobody anything. */
const MAX_SHARE = 0.25;

/**
 * An index of one column of a list that only grows.
 * A text without JSON's punctuation stands within one key, text or number of a cell, so it is enough to look into each of them once.
 */
export function createTextIndex(rows: readonly Row[], column: string): TextIndex {
  const units = new Map<Json, Unit>();
  const shared = new WeakMap<object, Shared>();
  const found = new Map<string, readonly number[] | undefined>();
  let done = 0;

  function add(value: Json, holder: Holder): void {
    const unit = units.get(value);
    if (unit === undefined) units.set(value, { text: textOf(value), holders: [holder] });
    else if (unit.holders !== undefined && unit.holders.at(-1) !== holder) {
      unit.holders.push(holder);
      if (unit.holders.length > MAX_HOLDERS) unit.holders = undefined;
    }
  }

  function read(value: Json, holder: Holder): void {
    if (Array.isArray(value)) for (const element of value) readElement(element, holder);
    else if (typeof value === 'object' && value !== null) {
      for (const [key, field] of Object.entries(value)) {
        add(key, holder);
        read(field, holder);
      }
    } else add(value, holder);
  }

  /** What rows share are the elements of lists: the details of a CVE. */
  function readElement(element: Json, holder: Holder): void {
    if (typeof element !== 'object' || element === null) {
      add(element, holder);
      return;
    }
    const known = shared.get(element);
    if (known !== undefined) {
      known.holders.push(holder);
      return;
    }
    const own: Shared = { holders: [holder] };
    shared.set(element, own);
    read(element, own);
  }

  function update(): void {
    if (done === rows.length) return;
    found.clear();
    for (; done < rows.length; done++) read(rows[done]?.[column] ?? null, done);
  }

  function search(text: string): readonly number[] | undefined {
    const positions = new Set<number>();
    const seen = new Set<Shared>();
    const open: Holder[] = [];
    for (const unit of units.values()) {
      if (!unit.text.includes(text)) continue;
      if (unit.holders === undefined) return undefined;
      for (const holder of unit.holders) open.push(holder);
      for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
        if (typeof holder === 'number') positions.add(holder);
        else if (!seen.has(holder)) {
          seen.add(holder);
          for (const outer of holder.holders) open.push(outer);
        }
      }
      if (positions.size > rows.length * MAX_SHARE) return undefined;
    }
    return [...positions].sort((one, other) => one - other);
  }

  return {
    find(text) {
      update();
      if (!found.has(text)) found.set(text, search(text));
      return found.get(text);
    },
  };
}

/** A text stands in JSON between quotation marks; alone in a cell it stands as it is, which differs in what JSON escapes only. */
function textOf(value: Json): string {
  if (typeof value !== 'string') return String(value);
  const written = JSON.stringify(value).slice(1, -1);
  return (written === value ? value : `${written}\n${value}`).toLowerCase();
}
