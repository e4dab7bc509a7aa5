// What docs/permissions.md says that each command of `pullgate` needs to be allowed.
import { readFileSync } from 'node:fs';

export const PERMISSIONS = readFileSync('docs/permissions.md', 'utf8');

/** The words of a line; quotes hold together what belongs together. */
export function argvOf(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
}

/** The row of the page's table that a line is of: `why`, `status --live`, `override open`. */
function commandOf(line: string): string {
  const [command = '', ...words] = argvOf(line);
  const option = words.find((word) => ['--orphans', '--live'].includes(word));
  if (option !== undefined) return `${command} ${option}`;
  if (['simulate', 'plan'].includes(command) && words[0]?.startsWith('--') === false) return `${command} FILE`;
  if (command === 'check') return 'check --policy';
  return command === 'override' ? `${command} ${words[0]}` : command;
}

/** The actions that the page's table gives a line on AWS. */
export function rightsFor(line: string): readonly string[] {
  const row = PERMISSIONS.split('\n').filter(
    (one) => one.startsWith('| `') && one.split('|')[1]?.includes(`\`${commandOf(line)}\``),
  );
  if (row.length !== 1)
    throw new Error(`docs/permissions.md has ${row.length} rows for \`${commandOf(line)}\`: expected one`);
  return [...(row[0]?.split('|')[2] ?? '').matchAll(/`([a-z0-9]+:\w+)`/g)].map(([, action = '']) => action);
}
