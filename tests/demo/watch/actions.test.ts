// The requests that the page of `npm start -- --watch` may send.
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
  ])('is accepted: %j', (action) => {
    expect(parseAction(JSON.stringify(action))).toEqual({ action });
  });

  test.each([
    ['text that is not JSON', 'push', 'The body of the request must be JSON.'],
    ['an array in its body', '[]', `Invalid request: "do" must be ${ACTIONS}; got nothing.`],
    ['an unknown action', { do: 'exec' }, `Invalid request: "do" must be ${ACTIONS}; got "exec".`],
    [
      'an empty tag',
      { do: 'push', repository: 'a/b', tag: ' ' },
      'Invalid request: "tag" must be a tag, such as 1.0; got "".',
    ],
    [
      'two mistakes',
      { do: 'burst', images: 61, severity: 'worst' },
      'Invalid request: "severity" must be one of informational, low, medium, high, critical; got "worst"; "images" must be a whole number from 1 to 60; got 61.',
    ],
    [
      'a repository in upper case',
      { do: 'push', repository: 'A/b', tag: '1' },
      `Invalid request: "repository" must be ${REPOSITORY_NAME}; got "A/b".`,
    ],
    [
      'a repository with a parent path',
      { do: 'push', repository: '../b', tag: '1' },
      `Invalid request: "repository" must be ${REPOSITORY_NAME}; got "../b".`,
    ],
    ['no repository', { do: 'push', tag: '1' }, 'Invalid request: "repository" is missing.'],
    [
      'half a digest',
      { do: 'pull', repository: 'a/b', digest: 'sha256:00' },
      'Invalid request: "digest" must be a digest: sha256: and 64 hexadecimal digits; got "sha256:00".',
    ],
    ['an unknown key', { do: 'letPass', minutes: 1, as: 'root' }, 'Invalid request: unknown key "as".'],
  ])('is rejected for %s', (_what, given, problem) => {
    expect(parseAction(typeof given === 'string' ? given : JSON.stringify(given))).toEqual({ problem });
  });
});
