// The policy documents of a resource graph, wherever they are, and the permissions that they grant.
import ts from 'typescript';
import type { PolicyDocument } from '../../local/aws/principals.ts';
import type { Graph } from '../../local/graph.ts';
import type { Need } from './aws-calls.ts';

/** The parts of a statement that the tests read. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: string | readonly string[];
}

/** A statement of a resource in the graph. */
export interface Found {
  /** `aws:sqs/queuePolicy:QueuePolicy` */
  readonly type: string;
  readonly statement: Statement;
}

/** Every statement of every policy document in the graph: any input at any depth that is a document or its text. */
export function statementsOf({ resources }: Graph): readonly Found[] {
  return resources.flatMap(({ type, inputs }) => statementsIn(inputs).map((statement) => ({ type, statement })));
}

function statementsIn(value: unknown): readonly Statement[] {
  if (typeof value === 'string') return value.includes('"Statement"') ? statementsIn(JSON.parse(value)) : [];
  if (value === null || typeof value !== 'object') return [];
  if ('Statement' in value) return [value.Statement].flat() as Statement[];
  return Object.values(value).flatMap(statementsIn);
}

/** The grants in a role's documents, one per action and resource. */
export function grantsOf(documents: readonly PolicyDocument[]): readonly Need[] {
  const statements = documents.flatMap(({ Statement }) => [Statement].flat() as Statement[]);
  return statements.flatMap(({ Effect, Action, Resource }) => {
    if (Effect !== 'Allow' || Action === undefined || Resource === undefined)
      throw new Error(
        `a role's statement needs Effect, Action and Resource; got ${JSON.stringify({ Effect, Action, Resource })}`,
      );
    return [Action].flat().flatMap((action) => [Resource].flat().map((resource) => ({ action, resource })));
  });
}

/**
 * Whether a need uses this grant. A grant with an action wildcard counts as unused, because it grants more than is
 * needed.
 */
export function isUsedBy({ action, resource }: Need, needs: readonly Need[]): boolean {
  const pattern = new RegExp(`^${resource.split('*').map(RegExp.escape).join('.*')}$`);
  return needs.some((need) => need.action === action && (need.resource === resource || pattern.test(need.resource)));
}

/** A resource of a statement in the source. */
export interface Written {
  readonly sid: string;
  /** The expression's text. */
  readonly resource: string;
  /** Whether a comment directly precedes the resource or the whole statement. */
  readonly isExplained: boolean;
}

/** The statements in a source file: calls of `allow(sid, actions, resource)`, and objects with a Sid and a Resource. */
export function resourcesInSource(source: string): readonly Written[] {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const found: Written[] = [];
  const isCommented = (node: ts.Node) => (ts.getLeadingCommentRanges(source, node.getFullStart()) ?? []).length > 0;
  const add = (sid: ts.Node | undefined, resource: ts.Node, places: readonly ts.Node[]) => {
    if (sid === undefined || !ts.isStringLiteral(sid)) return;
    found.push({ sid: sid.text, resource: resource.getText(), isExplained: places.some(isCommented) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'allow') {
      const [sid, , resource] = node.arguments;
      if (resource !== undefined) add(sid, resource, [resource, node]);
    }
    if (ts.isObjectLiteralExpression(node)) {
      const property = (name: string) =>
        node.properties.filter(ts.isPropertyAssignment).find((one) => one.name.getText() === name);
      const resource = property('Resource');
      if (resource !== undefined) add(property('Sid')?.initializer, resource.initializer, [resource, node]);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}
