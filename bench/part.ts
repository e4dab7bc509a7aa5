// The interface of a part of the bench: a name, and a measurement that returns tables.

/** `tiny` only proves that a part runs; its figures are meaningless. */
export type Scale = 'full' | 'tiny';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** A line of Markdown below the table. Default: none. */
  readonly note?: string;
}

export interface Part {
  readonly title: string;
  /** The page that has its figures. Default: bench/README.md. */
  readonly page?: string;
  /** @throws Error if the measured code did not do its work, which would make the figures meaningless */
  measure(scale: Scale): Promise<readonly Table[]>;
}

/** The page that has a part's figures. */
export function pageOf({ page = 'bench/README.md' }: Pick<Part, 'page'>): string {
  return page;
}

/** @example count(10_000) // '10,000' */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** @example ratio(3, 2) // '1.50' */
export function ratio(value: number, to: number): string {
  return (value / to).toFixed(2);
}
