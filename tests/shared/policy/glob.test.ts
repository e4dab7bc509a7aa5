// Globs over repository names: what each wildcard stands for, and that everything else stands for itself.
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
  ])('%s on %s: %j', (glob, name, matches) => {
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
  ])('%j may be configured: %j', (glob, allowed) => {
    expect(GLOB_PATTERN.test(glob)).toBe(allowed);
  });
});

describe('include and exclude', () => {
  it.each([
    ['everything is in by default', ['**'], [], 'team/app', true],
    ['what no include matches is out', ['team/*'], [], 'other/app', false],
    ['one include of several is enough', ['team/*', 'other/*'], [], 'other/app', true],
    ['an exclude wins over an include', ['**'], ['team/*'], 'team/app', false],
    ['one exclude of several is enough', ['**'], ['x', 'team/*'], 'team/app', false],
    ['an exclude takes out only what it matches', ['**'], ['team/*'], 'team/app/api', true],
    ['nothing is in without an include', [], [], 'team/app', false],
  ])('%s', (_name, include, exclude, repository, isIn) => {
    expect(globFilter(include, exclude)(repository)).toBe(isIn);
  });
});
