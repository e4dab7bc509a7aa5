// Closing and opening change no byte of a foreign policy, whatever it looks like.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  denyStatement,
  lockStateOf,
  parseRepositoryPolicy,
  type RepositoryPolicy,
  withOurs,
  withoutOurs,
} from '../../../aws/function/repository-policy.ts';

const SETTINGS = {
  statementId: 'Pullgate0a1b2c3d4e5f',
  partition: 'aws',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/pullgate-dev',
  exemptPrincipals: [],
};
const OURS = denyStatement(SETTINGS);
const OURS_TEXT = JSON.stringify(OURS);
const OTHER_STACK = denyStatement({ ...SETTINGS, statementId: 'Pullgate4e5f6a7b8c9d' });

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 });

/** JSON strings. Some of them are written to confuse a careless parser. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '"\\u0041\\/\\b"',
    '"\\ud83d\\ude00"',
    '"é😀"',
    '"}],{["',
    '"\\"]}"',
    '"//"',
    '"/*"',
    '"Statement"',
    '"Sid"',
  ),
  fc.constantFrom(OURS.Sid, OTHER_STACK.Sid).map((value) => JSON.stringify(value)),
);
const scalar = fc.oneof(
  text,
  fc.constantFrom('0', '-0', '1.0', '1e3', '1E+3', '-12.50', '12345678901234567890', '0.1e-7', 'true', 'false', 'null'),
);

function listOf(items: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(space, fc.array(padded(items), { maxLength: 3 }))
    .map(([gap, parts]) => `[${parts.join(',') || gap}]`);
}

function objectOf(properties: fc.Arbitrary<readonly string[]>): fc.Arbitrary<string> {
  return fc.tuple(space, properties).map(([gap, parts]) => `{${parts.join(',') || gap}}`);
}

function padded(item: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(space, item, space).map((parts) => parts.join(''));
}

function property(key: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(padded(key), padded(value)).map((parts) => parts.join(':'));
}

const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    listOf(tie('value')),
    objectOf(fc.array(property(text, tie('value')), { maxLength: 3 })),
  ),
}));

/** A statement that is not ours: without a Sid, or with another Sid, possibly that of another stack. */
const foreign = fc.oneof(
  { weight: 1, arbitrary: fc.constant(JSON.stringify(OTHER_STACK)) },
  {
    weight: 5,
    arbitrary: objectOf(
      fc
        .tuple(
          fc.option(
            property(
              fc.constantFrom('"Sid"', '"S\\u0069d"'),
              fc.constantFrom('"a"', '"pullgate0a1b2c3d4e5f"', '"Pullgate0a1b2c3d4e5"', '7'),
            ),
          ),
          fc.array(
            property(fc.constantFrom('"Effect"', '"Principal"', '"sid"', '"Zusätzlich"', '"Condition"'), value),
            { maxLength: 4 },
          ),
        )
        .map(([sid, others]) => (sid === null ? others : [...others, sid])),
    ),
  },
);

const rest = fc.array(property(fc.constantFrom('"Version"', '"Id"', '"statement"', '"x-y"', '"Ключ"'), value), {
  maxLength: 3,
});

/** The text before and after the value of `Statement`. */
const frame = fc
  .tuple(space, rest, space, fc.constantFrom('"Statement"', '"\\u0053tatement"'), space, rest, space)
  .map(([start, before, gap, name, beforeColon, after, end]) => ({
    head: `${start}{${before.map((part) => `${part},`).join('')}${gap}${name}${beforeColon}:`,
    tail: `${after.map((part) => `,${part}`).join('')}}${end}`,
  }));

const statements = fc.array(fc.record({ before: space, statement: foreign, after: space }), {
  minLength: 1,
  maxLength: 4,
});

function policyOf(given: string): RepositoryPolicy {
  const policy = parseRepositoryPolicy(given);
  if (policy === undefined) throw new Error(`not a policy: ${given}`);
  return policy;
}

function joined(parts: readonly { before: string; statement: string; after: string }[]): string {
  return parts.map(({ before, statement, after }) => before + statement + after).join(',');
}

describe('a policy with foreign statements in a list', () => {
  it('keeps every byte when the gate closes, and gets our statement once, after the last statement', () => {
    fc.assert(
      fc.property(frame, statements, ({ head, tail }, parts) => {
        fc.pre(parts.length === 1 || parts[0]?.statement !== JSON.stringify(OTHER_STACK));
        const given = `${head}[${joined(parts)}]${tail}`;
        const last = parts.at(-1)?.after ?? '';
        const closed = withOurs(policyOf(given), OURS);
        expect(closed).toBe(
          `${head}[${joined(parts).slice(0, joined(parts).length - last.length)},${OURS_TEXT}${last}]${tail}`,
        );
        expect(lockStateOf(policyOf(closed), OURS)).toBe('current');
      }),
      { numRuns: 500 },
    );
  });

  it('is identical byte for byte after the gate closes and opens', () => {
    fc.assert(
      fc.property(frame, statements, ({ head, tail }, parts) => {
        const given = `${head}[${joined(parts)}]${tail}`;
        expect(lockStateOf(policyOf(given), OURS)).toBe('absent');
        expect(withoutOurs(policyOf(given), [OURS.Sid])).toBe(given);
        expect(withoutOurs(policyOf(withOurs(policyOf(given), OURS)), [OURS.Sid])).toBe(given);
      }),
      { numRuns: 500 },
    );
  });

  it('does not change when the gate closes again', () => {
    fc.assert(
      fc.property(frame, statements, ({ head, tail }, parts) => {
        const once = withOurs(policyOf(`${head}[${joined(parts)}]${tail}`), OURS);
        expect(withOurs(policyOf(once), OURS)).toBe(once);
      }),
    );
  });

  it('loses all our statements, wherever they are, and nothing else', () => {
    const otherForm = fc.constantFrom(
      OURS_TEXT,
      '{ "Sid" : "Pullgate0a1b2c3d4e5f" }',
      '{"Effect":"Deny","S\\u0069d":"Pullgate0a1b2c3d4e5f"}',
    );
    const mixed = fc.array(fc.record({ before: space, statement: fc.oneof(foreign, otherForm), after: space }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(frame, mixed, ({ head, tail }, parts) => {
        const all = parts.map(({ statement }) => statement);
        const kept = all.filter((statement) => JSON.parse(statement).Sid !== OURS.Sid);
        const opened = withoutOurs(policyOf(`${head}[${joined(parts)}]${tail}`), [OURS.Sid]);
        if (kept.length === 0) {
          expect(opened).toBeUndefined();
          return;
        }
        // A closing makes such a list of a single statement, without white space.
        const [single = '{}', ...others] = kept;
        const isForeign = others.length === 0 && JSON.parse(single).Sid !== OTHER_STACK.Sid;
        const mayBeMade = all.length > 1 && isForeign && all.at(-1) === single;
        const asObject = `${head}${single}${tail}`;
        if (mayBeMade && joined(parts) === all.join(',')) expect(opened).toBe(asObject);
        if (mayBeMade && opened === asObject) return;
        const { text: left, statements: found } = policyOf(opened ?? '');
        expect(found.map(({ node }) => left?.slice(node.offset, node.offset + node.length))).toEqual(kept);
        expect(left?.startsWith(`${head}[`)).toBe(true);
        expect(left?.endsWith(`]${tail}`)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is identical after two stacks close and open the gate, in any order', () => {
    fc.assert(
      fc.property(frame, statements, fc.boolean(), ({ head, tail }, parts, firstOut) => {
        const quiet = parts.filter(({ statement }) => JSON.parse(statement).Sid !== OTHER_STACK.Sid);
        fc.pre(quiet.length > 0);
        const given = `${head}[${joined(quiet)}]${tail}`;
        const both = withOurs(policyOf(withOurs(policyOf(given), OURS)), OTHER_STACK);
        const [first, second] = firstOut ? [OURS.Sid, OTHER_STACK.Sid] : [OTHER_STACK.Sid, OURS.Sid];
        const one = withoutOurs(policyOf(both), [first]);
        expect(lockStateOf(policyOf(one ?? ''), firstOut ? OTHER_STACK : OURS)).toBe('current');
        expect(withoutOurs(policyOf(one ?? ''), [second])).toBe(given);
      }),
    );
  });
});

/** pullgate's stacks always write lists. */
const alone = foreign.filter((given) => given !== JSON.stringify(OTHER_STACK));

describe('a policy with a single foreign statement that is not in a list', () => {
  it('gets a list around the statement, and keeps every other byte', () => {
    fc.assert(
      fc.property(frame, space, alone, space, ({ head, tail }, before, statement, after) => {
        const closed = withOurs(policyOf(`${head}${before}${statement}${after}${tail}`), OURS);
        expect(closed).toBe(`${head}${before}[${OURS_TEXT},${statement}]${after}${tail}`);
        expect(withOurs(policyOf(closed), OURS)).toBe(closed);
      }),
    );
  });

  it('is identical after one or two stacks close and open the gate, in any order', () => {
    fc.assert(
      fc.property(frame, alone, fc.boolean(), ({ head, tail }, statement, firstOut) => {
        const given = `${head}${statement}${tail}`;
        const closed = withOurs(policyOf(given), OURS);
        expect(withoutOurs(policyOf(closed), [OURS.Sid])).toBe(given);
        const both = policyOf(withOurs(policyOf(closed), OTHER_STACK));
        const [first, second] = firstOut ? [OURS.Sid, OTHER_STACK.Sid] : [OTHER_STACK.Sid, OURS.Sid];
        expect(withoutOurs(policyOf(withoutOurs(both, [first]) ?? ''), [second])).toBe(given);
      }),
    );
  });
});

describe('any text', () => {
  it('is parsed or rejected, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), value), (given) => {
        const policy = parseRepositoryPolicy(given);
        if (policy !== undefined) expect(withOurs(policy, OURS)).toContain(OURS_TEXT);
      }),
    );
  });
});
