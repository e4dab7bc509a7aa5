// A resource that the program registers, and the mocked answer.

/** A resource that the program registers. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly id: string;
  readonly state: Record<string, unknown>;
}
