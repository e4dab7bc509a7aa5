// Edits a repository policy as text: adds or removes our statement and keeps every other byte unchanged.
import { type Node, parseTree } from 'jsonc-parser';

/** The statement that closes a repository. */
export interface DenyStatement {
  readonly Sid: string;
  readonly Effect: 'Deny';
  readonly Principal: '*';
  readonly Action: readonly string[];
  readonly Condition: { readonly ArnNotLike: { readonly 'aws:PrincipalArn': readonly string[] } };
}

/**
 * The actions that a pull needs and a push does not.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-pull-iam.html
 */
export const PULL_ACTIONS = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'] as const;
/**
 * The maximum length of the text that ECR accepts as a policy, white space included.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
 */
export const MAX_POLICY_CHARACTERS = 10_240;

/**
 * The statement that closes a repository. It exempts only the principals that make the repository safe again: Inspector
 * pulls images to scan them, the pull-through cache fetches upstream fixes, pullgate reads indexes, and the roles in
 * the config push fixes. A request without the condition key, such as an anonymous request or one by a service, matches
 * a negated operator and is denied.
 */
export function denyStatement(settings: {
  readonly statementId: string;
  readonly partition: string;
  readonly accountId: string;
  readonly roleArn: string;
  readonly exemptPrincipals: readonly string[];
}): DenyStatement {
  const serviceRole = (path: string) =>
    `arn:${settings.partition}:iam::${settings.accountId}:role/aws-service-role/${path}`;
  return {
    Sid: settings.statementId,
    Effect: 'Deny',
    Principal: '*',
    Action: PULL_ACTIONS,
    Condition: {
      ArnNotLike: {
        'aws:PrincipalArn': [
          ...new Set([
            serviceRole('inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2'),
            serviceRole('pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache'),
            settings.roleArn,
            ...settings.exemptPrincipals,
          ]),
        ],
      },
    },
  };
}

/** The form of the Sids that pullgate writes: `Pullgate` and a component's id. */
export const STATEMENT_ID = /^Pullgate[0-9a-f]{12}$/;

/** A repository policy, parsed only as deep as needed. */
export interface RepositoryPolicy {
  /** The text as ECR returned it; undefined if there is no policy. */
  readonly text: string | undefined;
  readonly statements: readonly Statement[];
  /** The position of the statements in the text. */
  readonly list: Node | undefined;
}

interface Statement {
  readonly node: Node;
  readonly value: Readonly<Record<string, unknown>>;
}

/**
 * Parses the text of a policy.
 *
 * @returns undefined if the text is not a valid policy, so that nothing can be merged into it
 */
export function parseRepositoryPolicy(text: string | undefined): RepositoryPolicy | undefined {
  if (text === undefined) return { text, statements: [], list: undefined };
  if (!isJson(text)) return undefined;
  const properties = parseTree(text)?.children?.filter((property) => property.children?.[0]?.value === 'Statement');
  const list = properties?.[0]?.children?.[1];
  if (properties?.length !== 1 || list === undefined) return undefined;
  const nodes = list.type === 'array' ? (list.children ?? []) : [list];
  if (nodes.some((node) => node.type !== 'object')) return undefined;
  return { text, list, statements: nodes.map((node) => ({ node, value: JSON.parse(textOf(text, node)) })) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether our statement is present, and in the form in which it would be written now.
 *
 * @param olderIds other Sids that our statement may have
 */
export function lockStateOf(
  { statements }: RepositoryPolicy,
  ours: DenyStatement,
  olderIds: readonly string[] = [],
): 'current' | 'otherForm' | 'absent' {
  const found = statements.filter((one) => hasSid(one, [ours.Sid, ...olderIds]));
  const [first, ...others] = found;
  if (first === undefined) return 'absent';
  return others.length === 0 && canonical(everyone(first.value)) === canonical(ours) ? 'current' : 'otherForm';
}

function hasSid({ value }: Statement, sids: readonly string[]): boolean {
  return typeof value['Sid'] === 'string' && sids.includes(value['Sid']);
}

/** The Sids of other pullgate deployments' statements that refuse pulls: all in pullgate's form but `ourIds`. */
export function otherLocks({ statements }: RepositoryPolicy, ourIds: readonly string[]): readonly string[] {
  const sids = statements.flatMap(({ value }) =>
    value['Effect'] === 'Deny' && typeof value['Sid'] === 'string' ? [value['Sid']] : [],
  );
  return sids.filter((sid) => STATEMENT_ID.test(sid) && !ourIds.includes(sid));
}

/** `{"AWS":"*"}` is another way to write `"*"`. */
function everyone(value: Statement['value']): Statement['value'] {
  return canonical(value['Principal']) === '{"AWS":"*"}' ? { ...value, Principal: '*' } : value;
}

/**
 * Returns equal texts for statements with the same meaning. A list with one element equals that element, and order does
 * not matter.
 */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    const parts = value.map(canonical).toSorted();
    return parts.length === 1 ? parts.join() : `[${parts.join()}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}:${canonical(part)}`);
    return `{${entries.toSorted().join()}}`;
  }
  return JSON.stringify(value);
}

/**
 * Whether the policy lets the Lambda service pull images. If so, Lambda functions run from them and fail when they
 * cannot be pulled. One of the two actions is enough, because another statement may grant the other one.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
 */
export function servesLambda({ statements }: RepositoryPolicy): boolean {
  return statements.some(({ value }) => {
    const principal = value['Principal'];
    if (value['Effect'] !== 'Allow' || typeof principal !== 'object' || principal === null) return false;
    const services: unknown = 'Service' in principal ? principal.Service : undefined;
    const isLambda = [services]
      .flat()
      .some((one) => typeof one === 'string' && /^lambda\.amazonaws\.com(\.cn)?$/.test(one));
    return isLambda && isAboutPulls(value);
  });
}

/** Does a statement allow or deny one of the calls that every pull makes? */
export function isAboutPulls({ Action: actions, NotAction: others }: Statement['value']): boolean {
  if (actions !== undefined) return PULL_ACTIONS.some((action) => matchesAction(actions, action));
  return others !== undefined && PULL_ACTIONS.some((action) => !matchesAction(others, action));
}

/**
 * Action names are not case-sensitive and may contain wildcards. Not by a regular expression: with many wildcards, one
 * could take longer than the function may run.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
 */
function matchesAction(patterns: unknown, action: string): boolean {
  const text = action.toLowerCase();
  return [patterns].flat().some((pattern) => {
    if (typeof pattern !== 'string') return false;
    // The lengths of the beginnings of the action that the pattern so far matches, in ascending order.
    let matched = [0];
    for (const sign of pattern.toLowerCase()) {
      const [shortest = text.length + 1] = matched;
      if (sign === '*') matched = Array.from({ length: text.length + 1 - shortest }, (_, index) => shortest + index);
      else matched = matched.flatMap((end) => (end < text.length && [text[end], '?'].includes(sign) ? [end + 1] : []));
    }
    return matched.includes(text.length);
  });
}

/**
 * Returns the policy with our statement, once, and without those under `olderIds`. Foreign statements stay byte for
 * byte unchanged; near the size limit, the caller takes out white space first. Our statement goes last. If `Statement`
 * was a single object, ours goes first, so that opening can restore the object.
 */
export function withOurs(policy: RepositoryPolicy, ours: DenyStatement, olderIds: readonly string[] = []): string {
  const statement = JSON.stringify(ours);
  const foreign = withoutOurs(policy, [ours.Sid, ...olderIds]);
  if (foreign === undefined) return `{"Version":"2012-10-17","Statement":[${statement}]}`;
  const parsed = parseRepositoryPolicy(foreign);
  const { list } = parsed ?? {};
  if (parsed === undefined || list === undefined)
    throw new Error('pullgate bug: removing its statement left an invalid policy, so it cannot be added again');
  if (list.type !== 'array') {
    return `${foreign.slice(0, list.offset)}[${statement},${textOf(foreign, list)}]${foreign.slice(endOf(list))}`;
  }
  if (isOurList(parsed)) return `${foreign.slice(0, list.offset + 1)}${statement},${foreign.slice(list.offset + 1)}`;
  const last = list.children?.at(-1);
  const end = last === undefined ? endOf(list) - 1 : endOf(last);
  return `${foreign.slice(0, end)}${last === undefined ? '' : ','}${statement}${foreign.slice(end)}`;
}

/**
 * True if pullgate turned a single statement into a list: only pullgate's locks precede one foreign statement, without
 * white space.
 */
function isOurList({ text, statements, list }: RepositoryPolicy): boolean {
  if (text === undefined || list?.type !== 'array' || statements.length < 2) return false;
  const isLock = statements.map(({ value }) => typeof value['Sid'] === 'string' && STATEMENT_ID.test(value['Sid']));
  const written = statements.map(({ node }) => textOf(text, node)).join(',');
  return isLock.indexOf(false) === isLock.length - 1 && textOf(text, list) === `[${written}]`;
}

/**
 * Returns the policy without our statements, which have one of these Sids. Foreign statements stay byte for byte
 * unchanged. White space that a closing near the size limit took out does not come back.
 *
 * @returns undefined if no statement is left: ECR rejects a policy without statements, so the policy must be deleted
 */
export function withoutOurs(policy: RepositoryPolicy, ourIds: readonly string[]): string | undefined {
  const { text, statements, list } = policy;
  const index = statements.findIndex((one) => hasSid(one, ourIds));
  const found = statements[index];
  if (text === undefined || found === undefined) return text;
  if (statements.length === 1) return undefined;
  const [, last] = statements;
  if (statements.length === 2 && list !== undefined && last !== undefined && isOurList(policy)) {
    return text.slice(0, list.offset) + textOf(text, last.node) + text.slice(endOf(list));
  }
  const before = statements[index - 1]?.node;
  const after = statements[index + 1]?.node;
  const from = before === undefined ? found.node.offset : endOf(before);
  const to = before === undefined && after !== undefined ? after.offset : endOf(found.node);
  const rest = parseRepositoryPolicy(text.slice(0, from) + text.slice(to));
  if (rest === undefined) throw new Error('pullgate bug: removing its statement left an invalid policy');
  return withoutOurs(rest, ourIds);
}

/**
 * Describes the foreign statements that name principals, also as exceptions (`NotPrincipal`), so that a person can find
 * them: by Sid or number, with the principals. ECR shows a deleted principal as its unique id (AROA..., AIDA...). If
 * any statement has such an id, only those statements are returned.
 * Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
 */
export function statementsNamingPrincipals({ statements }: RepositoryPolicy, statementId: string): readonly string[] {
  const named = statements.flatMap(({ value }, index) => {
    if (value['Sid'] === statementId) return [];
    const principals = [value['Principal'], value['NotPrincipal']].flatMap(accountsIn).filter((one) => one !== '*');
    const name = typeof value['Sid'] === 'string' ? `"${value['Sid']}"` : `number ${index + 1}`;
    return principals.length === 0 ? [] : [{ name, principals }];
  });
  const orphaned = named.filter(({ principals }) => principals.some((one) => /^A(ROA|IDA)[A-Z0-9]+$/.test(one)));
  return (orphaned.length > 0 ? orphaned : named).map(({ name, principals }) => `${name} (${principals.join(', ')})`);
}

/** The roles, users and accounts in a `Principal` or `NotPrincipal`. */
function accountsIn(principal: unknown): readonly string[] {
  const accounts = typeof principal === 'object' && principal !== null && 'AWS' in principal ? principal.AWS : [];
  return [accounts].flat().filter((one): one is string => typeof one === 'string');
}

/** The policy without white space between its parts. Its strings and numbers stay as they are. */
export function withoutWhiteSpace(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1');
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

function textOf(text: string, { offset, length }: Node): string {
  return text.slice(offset, offset + length);
}
