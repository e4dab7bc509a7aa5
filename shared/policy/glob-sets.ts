// Compares the sets of names that two globs match.

/** A character, `?`, `*` or `**`. */
type Token = string;

function tokensOf(glob: string): readonly Token[] {
  return (glob.match(/\*{2,}|./gs) ?? []).map((token) => (token.startsWith('**') ? '**' : token));
}

function isStar(token: Token | undefined): boolean {
  return token === '*' || token === '**';
}

/** May a wildcard stand for this token of another glob? The token is a character or `?`. */
function takes(wildcard: Token, token: Token): boolean {
  return wildcard === '**' || token !== '/';
}

/**
 * Is there a name that both globs match?
 *
 * @example overlap('team/*', '**\/app') // true: team/app
 */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [tokensOf(one), tokensOf(other)];
  return reachesEnd(a, b, (i, j) => {
    const [x, y] = [a[i], b[j]];
    // A shortest common name never needs two wildcards to match the same character, so each wildcard only consumes
    // single characters.
    const steps: Step[] = [];
    if (isStar(x)) steps.push([i + 1, j]);
    if (isStar(y)) steps.push([i, j + 1]);
    if (x === undefined || y === undefined) return steps;
    if (isStar(x) && !isStar(y) && takes(x, y)) steps.push([i, j + 1]);
    if (isStar(y) && !isStar(x) && takes(y, x)) steps.push([i + 1, j]);
    if (x === y || (x === '?' && !isStar(y) && y !== '/') || (y === '?' && !isStar(x) && x !== '/'))
      steps.push([i + 1, j + 1]);
    return steps;
  });
}

/**
 * Does the first glob match every name that the second one matches? Compares the globs token by token: `true` is
 * certain. `false` may be wrong if a token of `narrow` is covered only by several tokens of `wide`.
 *
 * @example covers('team/**', 'team/app-*') // true
 */
export function covers(wide: string, narrow: string): boolean {
  const [a, b] = [tokensOf(wide), tokensOf(narrow)];
  return reachesEnd(a, b, (i, j) => {
    const [x, y] = [a[i], b[j]];
    if (x === undefined) return [];
    if (isStar(x))
      return y !== undefined && takesEach(x, y)
        ? [
            [i + 1, j],
            [i, j + 1],
          ]
        : [[i + 1, j]];
    return x === y || (x === '?' && y !== undefined && !isStar(y) && y !== '/') ? [[i + 1, j + 1]] : [];
  });
}

/** May a wildcard stand for everything that a token of another glob matches? */
function takesEach(wildcard: Token, token: Token): boolean {
  return wildcard === '**' || (token !== '/' && token !== '**');
}

type Step = readonly [i: number, j: number];

/** Do the steps lead from the beginning of both lists to their end? */
function reachesEnd(a: readonly Token[], b: readonly Token[], stepsFrom: (i: number, j: number) => readonly Step[]) {
  const open: Step[] = [[0, 0]];
  const seen = new Set<string>();
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    const [i, j] = step;
    if (i === a.length && j === b.length) return true;
    if (seen.has(`${i} ${j}`)) continue;
    seen.add(`${i} ${j}`);
    open.push(...stepsFrom(i, j));
  }
  return false;
}
