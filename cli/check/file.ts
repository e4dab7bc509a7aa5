// Reads a policy or a list of exceptions from a file, and reports the position of every problem.
import {
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser';
import { parseConfig } from '../../config/config.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { parsePolicy } from '../../shared/policy/policy.ts';
import { type PolicyWithRules, parseRules } from '../../shared/policy/rule.ts';
import { ANY_TARGET, unreachableRules } from '../../shared/policy/rule-reach.ts';
import { describeProblem, type Parsed, type Problem } from '../../shared/runtime/problem.ts';
import { readText } from '../terminal/file.ts';

/** A position in the file. Lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A problem and its position. */
export interface PlacedProblem extends Partial<Position> {
  readonly key: string;
  readonly given: unknown;
  readonly allowed: string;
  readonly text: string;
}

export type CheckedFile =
  | {
      readonly ok: true;
      readonly policies: PolicyWithRules;
      /** Returns the position of the value of a key of the policy or the rules, such as `policy.exceptions[2]`. */
      readonly positionOf: (key: string) => Position | undefined;
    }
  | { readonly ok: false; readonly problems: readonly PlacedProblem[] };

/** The accepted forms of a file. */
const FORMS =
  'JSON (comments are allowed): the object pullgate:policy, with or without severityThreshold; only its list of exceptions; or the output of `pulumi config --json`';
/** The accepted forms of a file with a severity threshold. */
export const POLICY_FORMS =
  'JSON (comments are allowed): {"severityThreshold": "high", "unfixable": "never", "exceptions": [...]}, or the output of `pulumi config --json`';

/**
 * Reads and checks a file.
 *
 * @throws UsageError if the file cannot be read
 */
export async function checkFile(file: string, now: Instant): Promise<CheckedFile> {
  return checkText(await readText(file, `a file with ${FORMS}`, `--policy ${file}`), { now });
}

interface CheckOptions {
  /** Whether a list of exceptions alone is accepted. Default: true. */
  readonly mayBeList?: boolean;
  /** The present time. Default: limited ends and placeholders are not checked. */
  readonly now?: Instant;
}

/** Checks a text, with or without a byte order mark. */
export function checkText(given: string, { mayBeList = true, now }: CheckOptions = {}): CheckedFile {
  const text = given.replace(/^\uFEFF/, '');
  const forms = mayBeList ? FORMS : POLICY_FORMS;
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || root === undefined) {
    return {
      ok: false,
      problems: (errors.length > 0 ? errors : [EMPTY]).map((error) => unreadable(text, error, forms)),
    };
  }
  const twice = keysGivenTwice(root).map((node): PlacedProblem => {
    const allowed = 'each key once';
    const key = String(node.value);
    return {
      key,
      given: key,
      allowed,
      text: `${key} appears twice: expected ${allowed}`,
      ...positionIn(text, node.offset),
    };
  });
  const paths = pathsIn(root);
  if (paths === undefined || (root.type === 'array' && !mayBeList)) {
    const value: unknown = getNodeValue(root);
    const problem = { key: 'the file', given: value, allowed: forms };
    return { ok: false, problems: [{ ...problem, text: describeProblem(problem), line: 1, column: 1 }] };
  }
  const positionOf = (key: string) => {
    const node = nodeOf(root, paths, key);
    return node === undefined ? undefined : positionIn(text, node.offset);
  };
  const strange = strangeKeys(root, paths).map((problem) => {
    const node = findNodeAtLocation(root, [problem.key]);
    return { ...placed(problem), ...(node === undefined ? {} : positionIn(text, node.offset)) };
  });
  const parsed = parsePolicies(root, paths, now);
  if (parsed.ok && twice.length === 0 && strange.length === 0) return { ok: true, policies: parsed.value, positionOf };
  const problems = parsed.ok
    ? []
    : parsed.problems.map((problem) => ({ ...placed(problem), ...positionOf(problem.key) }));
  return { ok: false, problems: [...twice, ...strange, ...problems] };
}

/** Checks the policy and the rules, and reports the problems of both. */
function parsePolicies(root: Node, paths: Paths, now: Instant | undefined): Parsed<PolicyWithRules> {
  const severityThreshold = valueAt(root, paths.severityThreshold);
  const refinements = policyIn(root, paths);
  const policy = parsePolicy(severityThreshold, refinements, now);
  const stack = policy.ok ? { severityThreshold, policy: refinements, parsed: policy.value } : undefined;
  const rules = parseRules(valueAt(root, paths.rules), stack, now);
  const unreachable = rules.ok ? unreachableRules(rules.value, [ANY_TARGET], 'allowed') : rules.problems;
  if (policy.ok && rules.ok && unreachable.length === 0)
    return { ok: true, value: { policy: policy.value, rules: rules.value } };
  const problems = [...(policy.ok ? [] : policy.problems), ...unreachable];
  return { ok: false, problems: problems as [Problem, ...Problem[]] };
}

const EMPTY: ParseError = { error: 4, offset: 0, length: 0 };

function unreadable(text: string, { error, offset }: ParseError, forms: string): PlacedProblem {
  const given = text.slice(offset, offset + 20).split('\n')[0] ?? '';
  const word = printParseErrorCode(error);
  return {
    key: 'the file',
    given,
    allowed: forms,
    text: `the file is not JSON (${word}): expected ${forms}`,
    ...positionIn(text, offset),
  };
}

function placed(problem: Problem): PlacedProblem {
  return { ...problem, text: describeProblem(problem) };
}

/** The paths to the parts of a policy in a file. */
interface Paths {
  readonly severityThreshold: JSONPath | undefined;
  /** The path to the object `pullgate:policy`; undefined if the file is a list of exceptions. */
  readonly policy: JSONPath | undefined;
  readonly exceptions: JSONPath;
  /** The path to the list `pullgate:rules`; undefined if the file is a list of exceptions. */
  readonly rules: JSONPath | undefined;
  /** Is the file the policy itself, with the threshold as one of its keys? */
  readonly isPlain: boolean;
  /** The prefix of the keys if the file has the form of the stack's config; otherwise undefined. */
  readonly prefix: string | undefined;
}

const NAMESPACE = 'pullgate:';

function pathsIn(root: Node): Paths | undefined {
  if (root.type === 'array') {
    return {
      severityThreshold: undefined,
      policy: undefined,
      exceptions: [],
      rules: undefined,
      isPlain: false,
      prefix: undefined,
    };
  }
  if (root.type !== 'object') return undefined;
  const keys = keysOf(root);
  if (keys.some((key) => key.startsWith(NAMESPACE))) {
    const policy = configPath(root, 'policy');
    return {
      severityThreshold: configPath(root, 'severityThreshold'),
      policy,
      exceptions: [...policy, 'exceptions'],
      rules: configPath(root, 'rules'),
      isPlain: false,
      prefix: NAMESPACE,
    };
  }
  if (keys.includes('policy'))
    return {
      severityThreshold: ['severityThreshold'],
      policy: ['policy'],
      exceptions: ['policy', 'exceptions'],
      rules: ['rules'],
      isPlain: false,
      prefix: '',
    };
  return {
    severityThreshold: ['severityThreshold'],
    policy: [],
    exceptions: ['exceptions'],
    rules: ['rules'],
    isPlain: true,
    prefix: undefined,
  };
}

function keysOf(root: Node): readonly string[] {
  return (root.children ?? []).map(({ children }) => String(children?.[0]?.value));
}

/** Finds unknown keys next to the policy. If they were ignored, a mistyped key would silently change the policy. */
function strangeKeys(root: Node, { prefix }: Paths): readonly Problem[] {
  if (prefix === undefined) return [];
  const keys = keysOf(root);
  // Without values, the only possible problem is an unknown key.
  const own = keys.filter((key) => key.startsWith(prefix));
  const asked = parseConfig(Object.fromEntries(own.map((key) => [NAMESPACE + key.slice(prefix.length), undefined])));
  const unknown = asked.ok ? [] : asked.problems.map(({ key }) => prefix + key.slice(NAMESPACE.length));
  // Keys with another namespace may belong to providers.
  const misplaced = keys.filter((key) => prefix !== '' && !key.includes(':'));
  return [...unknown, ...misplaced].map((key) => ({ key, given: valueAt(root, [key]), allowed: NO_SUCH_KEY }));
}

const NO_SUCH_KEY = 'unknown key here (check its spelling and position)';

/** `pulumi config --json` wraps each value, and prints an object a second time as `objectValue`. */
function configPath(root: Node, key: string): JSONPath {
  const path = [`${NAMESPACE}${key}`];
  if (findNodeAtLocation(root, [...path, 'objectValue']) !== undefined) return [...path, 'objectValue'];
  return findNodeAtLocation(root, [...path, 'value']) === undefined ? path : [...path, 'value'];
}

function policyIn(root: Node, { policy, isPlain }: Paths): unknown {
  if (policy === undefined) return { exceptions: getNodeValue(root) };
  const value = valueAt(root, policy);
  if (!isPlain || typeof value !== 'object' || value === null) return value;
  // `mode` may be in the file, but does not affect the policy.
  const {
    severityThreshold: _,
    mode: _mode,
    rules: _rules,
    ...refinements
  } = value as Readonly<Record<string, unknown>>;
  return refinements;
}

function valueAt(root: Node, path: JSONPath | undefined): unknown {
  const node = path === undefined ? undefined : findNodeAtLocation(root, path);
  return node === undefined ? undefined : getNodeValue(node);
}

/** The node of a key of the policy or, if the key is missing, its closest existing parent. */
function nodeOf(root: Node, { severityThreshold, policy, exceptions, rules }: Paths, key: string): Node | undefined {
  const [first, ...rest] = segmentsOf(key);
  const isException = first === 'policy' && rest[0] === 'exceptions';
  const ofPolicy = isException ? exceptions : policy;
  const base = first === 'rules' ? rules : first === 'policy' ? ofPolicy : severityThreshold;
  const path = [...(base ?? []), ...(isException ? rest.slice(1) : rest)];
  for (let length = path.length; length >= 0; length--) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return root;
}

/** Splits a key such as `policy.exceptions[2].expires`. */
function segmentsOf(key: string): JSONPath {
  return [...key.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([text, index]) => (index === undefined ? text : Number(index)));
}

/** Finds duplicate keys. Without this check, the later value would silently replace the earlier one. */
function keysGivenTwice(node: Node): readonly Node[] {
  const below = (node.children ?? []).flatMap(keysGivenTwice);
  if (node.type !== 'object') return below;
  const seen = new Set<unknown>();
  const twice = (node.children ?? []).flatMap(({ children }) => {
    const [key] = children ?? [];
    if (key === undefined || seen.size < seen.add(key.value).size) return [];
    return [key];
  });
  return [...twice, ...below];
}

function positionIn(text: string, offset: number): Position {
  const lines = text.slice(0, offset).split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
