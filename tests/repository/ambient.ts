// Finds where code takes the time, randomness or its environment from around it, instead of being given them.
import ts from 'typescript';

/**
 * What is ambient, as it is written. `new Date(given)` and `Date.parse(given)` are not: they only read what they are
 * given.
 */
const MEMBERS: ReadonlySet<string> = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.env',
  'process.hrtime',
  'crypto.randomUUID',
  'crypto.randomBytes',
  'crypto.getRandomValues',
  'Temporal.Now',
]);
const NAMED_IMPORTS: ReadonlySet<string> = new Set([
  'env',
  'hrtime',
  'randomBytes',
  'randomInt',
  'randomUUID',
  'performance',
]);

/**
 * The uses of the clock, of randomness and of the environment in a source text, in the order of their lines.
 *
 * @example ambientUses('const now = new Date();') // ['1: new Date()']
 */
export function ambientUses(source: string): readonly string[] {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const use = ambientUse(node);
    if (use !== undefined) found.push(`${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${use}`);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function ambientUse(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'Date()';
  if (ts.isPropertyAccessExpression(node)) return memberUse(node.expression.getText(), node.name.text);
  if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression)) {
    return memberUse(node.expression.getText(), node.argumentExpression.text);
  }
  // `const { env } = process` takes it as well.
  if (ts.isVariableDeclaration(node) && ts.isObjectBindingPattern(node.name) && node.initializer !== undefined) {
    const owner = node.initializer.getText();
    return node.name.elements.map((one) => memberUse(owner, (one.propertyName ?? one.name).getText())).find(Boolean);
  }
  if (ts.isImportSpecifier(node) && NAMED_IMPORTS.has((node.propertyName ?? node.name).text))
    return `import ${node.getText()}`;
  return undefined;
}

function memberUse(owner: string, name: string): string | undefined {
  const member = `${owner.replace(/^globalThis\./, '')}.${name}`;
  return MEMBERS.has(member) ? member : undefined;
}
