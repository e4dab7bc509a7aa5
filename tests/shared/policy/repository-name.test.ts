// Repository names: those that the registries accept, those that they might accept later, and those that are unsafe.
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { REPOSITORY_NAME, repositoryName } from '../../../shared/policy/repository-name.ts';

describe('a repository name', () => {
  it('is described in one sentence', () => {
    expect(REPOSITORY_NAME).toBe(
      'a repository name: 1 to 256 lower case letters, digits, ., _, - and /, starting with a letter or digit, without path segments that are empty or only dots',
    );
  });

  it.each([
    ['one letter', 'a'],
    ['one digit', '0'],
    ['two segments', 'team/app'],
    ['segments of one character', '0/0/a'],
    ['two hyphens and two underscores', 'team--shop/check__out'],
    ['each separator', 'a.b_c-d'],
    ['256 characters', 'a'.repeat(256)],
    ['256 characters in 128 segments', `${'a/'.repeat(127)}aa`],
    ['more separators than a registry allows', 'team---x/__'],
    ['three underscores', 'check___out'],
    ['a separator at the end', 'team-/app.'],
    ['an underscore at the start of a segment', 'team/_app'],
    ['two dots within a segment', 'a..b'],
    ['a segment that starts with dots', 'team/..app/.well-known'],
    ['a segment named like a part of the registry API', 'team/manifests/blobs/tags'],
  ])('may have %s: %j', (_what, name) => {
    expect(v.safeParse(repositoryName, name)).toMatchObject({ success: true, output: name });
  });

  it.each<[string, unknown]>([
    ['a number instead of a text', 7],
    ['undefined instead of a text', undefined],
    ['no characters', ''],
    ['257 characters', 'a'.repeat(257)],
    ['256 KB', 'a/'.repeat(131_072)],
    ['upper case', 'Team/app'],
    ['a space', 'team app'],
    ['a space at the end', 'team/app '],
    ['a single quote', "team'app"],
    ['a double quote', 'team"app'],
    ['a backtick', 'team`app'],
    ['a backslash', 'team\\app'],
    ['a vertical bar', 'team|app'],
    ['a semicolon', 'team;app'],
    ['a colon', 'team/app:1'],
    ['an at sign', 'team/app@sha256'],
    ['a percent sign', 'team%2fapp'],
    ['a question mark', 'team/app?x'],
    ['a number sign', 'team/app#x'],
    ['an asterisk', 'team/*'],
    ['a letter of another script', 'te\u0430m'],
    ['a newline at the end', 'team/app\n'],
    ['a newline inside', 'team\napp'],
    ['a carriage return at the end', 'team/app\r'],
    ['a line separator at the end', 'team/app\u2028'],
    ['a null character', 'team/app\0'],
    ['an escape character', '\u001b[2Jteam'],
    ['a slash at the start', '/x'],
    ['a slash at the end', 'team/'],
    ['an empty segment', 'team//app'],
    ['a dot at the start', '.team'],
    ['a hyphen at the start', '-team'],
    ['an underscore at the start', '__proto__'],
    ['a segment of two dots at the start', '../x'],
    ['a segment of two dots inside', 'team/../x'],
    ['a segment of two dots at the end', 'team/..'],
    ['a segment of one dot inside', 'team/./x'],
    ['a segment of one dot at the end', 'team/.'],
    ['only two dots', '..'],
    ['only a slash', '/'],
  ])('may not have %s: %j', (_what, name) => {
    const { success, issues = [] } = v.safeParse(repositoryName, name);
    expect([success, ...new Set(issues.map(({ message }) => message))]).toEqual([false, REPOSITORY_NAME]);
  });
});
