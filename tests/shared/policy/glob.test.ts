// Globs for repository names: each wildcard, and that all other characters match themselves.
import { describe, expect, it } from 'vitest';
import { GLOB_PATTERN, globFilter, globMatcher } from '../../../shared/policy/glob.ts';

describe('a glob', () => {
  it.each([
    ['team/app', 'team/app', true],
    ['team/app', 'team/app2', false],
    ['team/app', 'my-team/app', false],
    ['*', 'app', true],
    ['*', 'team/app', false],
    ['team/*', 'team/app', true],
    ['team/*', 'team/app/api', false],
    ['team/*', 'team', false],
    ['*/app', 'team/app', true],
    ['team/**', 'team/app', true],
    ['team/**', 'team/app/api', true],
    ['team/**', 'team', false],
    ['**', 'team/app/api', true],
    ['***', 'team/app/api', true],
    ['**/api', 'team/app/api', true],
    ['team/app-?', 'team/app-1', true],
    ['team/app-?', 'team/app-12', false],
    ['team?app', 'team/app', false],
    ['team.app', 'team.app', true],
    ['team.app', 'teamxapp', false],
    ['team_app-1', 'team_app-1', true],
    ['team/app*', 'team/app', true],
  ])('%s matches %s: %j', (glob, name, matches) => {
    expect(globMatcher(glob)(name)).toBe(matches);
  });

  it.each([
    ['team/app', true],
    ['**', true],
    ['my_team.x/app-?', true],
    ['Team/app', false],
    ['team/{a,b}', false],
    ['team app', false],
    ['[a-z]', false],
    ['', false],
    ['a'.repeat(256), true],
    ['a'.repeat(257), false],
  ])('%j is accepted in the config: %j', (glob, allowed) => {
    expect(GLOB_PATTERN.test(glob)).toBe(allowed);
  });
});

describe('include and exclude', () => {
  it.each([
    ['include everything by default', ['**'], [], 'team/app', true],
    ['exclude names that match no include', ['team/*'], [], 'other/app', false],
    ['include names that match one of several includes', ['team/*', 'other/*'], [], 'other/app', true],
    ['exclude names that match both', ['**'], ['team/*'], 'team/app', false],
    ['exclude names that match one of several excludes', ['**'], ['x', 'team/*'], 'team/app', false],
    ['do not exclude names that only share a prefix', ['**'], ['team/*'], 'team/app/api', true],
    ['include nothing without an include', [], [], 'team/app', false],
  ])('%s', (_name, include, exclude, repository, isIn) => {
    expect(globFilter(include, exclude)(repository)).toBe(isIn);
  });
});
