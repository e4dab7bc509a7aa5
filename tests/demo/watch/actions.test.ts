// What the page of `npm start -- --watch` may ask for.
import { describe, expect, test } from 'vitest';
import { parseAction } from '../../../demo/watch/actions.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';

const ACTIONS = 'one of push, report, pull, scanClean, forget, remove, burst, letPass, deploy';
const DIGEST = `sha256:${'0'.repeat(64)}`;

describe('a request of the page', () => {
  test.each([
    { do: 'push', repository: 'shop/checkout', tag: '1.0' },
    { do: 'pull', repository: 'a_b/c--d.e', digest: DIGEST },
    { do: 'pull', repository: 'team---shop/check___out', digest: DIGEST },
    { do: 'pull', repository: 'a', digest: DIGEST },
    { do: 'pull', repository: 'a'.repeat(256), digest: DIGEST },
    { do: 'letPass', minutes: 1_500 },
    { do: 'burst', images: 60, severity: 'low' },
  ])('is taken as it is: %j', (action) => {
    expect(parseAction(JSON.stringify(action))).toEqual({ action });
  });

  test.each([
    ['no JSON', 'push', 'The request needs JSON in its body.'],
    ['no object', '[]', `The request is wrong: do needs ${ACTIONS}; given nothing.`],
    ['a word that is no action', { do: 'exec' }, `The request is wrong: do needs ${ACTIONS}; given "exec".`],
    [
      'no tag',
      { do: 'push', repository: 'a/b', tag: ' ' },
      'The request is wrong: tag needs a tag, such as 1.0; given "".',
    ],
    [
      'two mistakes',
      { do: 'burst', images: 61, severity: 'worst' },
      'The request is wrong: severity needs one of informational, low, medium, high, critical; given "worst"; images needs a whole number from 1 to 60; given 61.',
    ],
    [
      'a repository in capitals',
      { do: 'push', repository: 'A/b', tag: '1' },
      `The request is wrong: repository needs ${REPOSITORY_NAME}; given "A/b".`,
    ],
    [
      'a repository with a path out of it',
      { do: 'push', repository: '../b', tag: '1' },
      `The request is wrong: repository needs ${REPOSITORY_NAME}; given "../b".`,
    ],
    [
      'no repository',
      { do: 'push', tag: '1' },
      'The request is wrong: repository is not known there, or is missing; given nothing.',
    ],
    [
      'half a digest',
      { do: 'pull', repository: 'a/b', digest: 'sha256:00' },
      'The request is wrong: digest needs a digest: sha256: and 64 hexadecimal digits; given "sha256:00".',
    ],
    [
      'a field that nobody knows',
      { do: 'letPass', minutes: 1, as: 'root' },
      'The request is wrong: as is not known there, or is missing; given "as".',
    ],
  ])('is refused with %s', (_what, given, problem) => {
    expect(parseAction(typeof given === 'string' ? given : JSON.stringify(given))).toEqual({ problem });
  });
});
