// The settings of a deployed function: the shared ones, a cloud's own, and every possible problem.
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseSettingsFile } from '../../../shared/runtime/settings-file.ts';
import { policy } from '../samples.ts';

const COMMON = {
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  repositories: { include: ['**'], exclude: ['sandbox/**'] },
};
const OWN = { registries: v.array(v.string('texts'), 'a list of texts') };
const parse = (settings: unknown) => parseSettingsFile(JSON.stringify(settings), OWN);

describe('settings.json', () => {
  it('has the checked policy instead of its parts, and the cloud’s own settings', () => {
    const settings = { ...COMMON, severityThreshold: 'critical', policy: { unfixable: 'never' }, registries: ['a'] };
    expect(parse(settings)).toEqual({
      ...COMMON,
      registries: ['a'],
      policy: policy({ severityThreshold: 'critical', unfixable: 'never' }),
      rules: [],
    });
  });

  it('has the checked rules', () => {
    const rules = [{ repositories: ['shop/**'], mode: 'enforce', policy: { unfixable: 'never' } }];
    const label = 'rules[0] (shop/**)';
    expect(parse({ ...COMMON, registries: [], severityThreshold: 'critical', rules })).toMatchObject({
      policy: policy({ severityThreshold: 'critical' }),
      rules: [{ ...rules[0], label, policy: policy({ severityThreshold: 'critical', unfixable: 'never' }) }],
    });
  });

  it('without a policy has the default one', () => {
    expect(parse({ ...COMMON, registries: [] })).toEqual({ ...COMMON, registries: [], policy: policy(), rules: [] });
  });

  it.each<[string, string, RegExp]>([
    ['is not JSON', '{', /\nsettings is "\{": expected JSON$/],
    ['is not an object', '[]', /\nsettings\.mode is missing: expected enforce or audit/],
    [
      'lacks a field',
      JSON.stringify({ ...COMMON, mode: undefined, registries: [] }),
      /\nsettings\.mode is missing: expected enforce or audit$/,
    ],
    [
      'has globs that are no text',
      JSON.stringify({ ...COMMON, repositories: { include: ['**'], exclude: [5] }, registries: [] }),
      /\nsettings\.repositories\.exclude\[0\] is 5: expected a list of globs$/,
    ],
    [
      'has an invalid field of the cloud',
      JSON.stringify({ ...COMMON, registries: 5 }),
      /\nsettings\.registries is 5: expected a list of texts$/,
    ],
    [
      'has an invalid policy',
      JSON.stringify({ ...COMMON, registries: [], severityThreshold: 'dire' }),
      /\nseverityThreshold is "dire": expected one of /,
    ],
    [
      'has an invalid rule',
      JSON.stringify({ ...COMMON, registries: [], rules: [{ mode: 'block' }] }),
      /\nrules\[0\]\.mode is "block": expected one of enforce, audit$/,
    ],
  ])('that %s throws: a mixed deployment', (_name, text, problem) => {
    const act = () => parseSettingsFile(text, OWN);
    expect(act).toThrow('settings.json is not what the Pulumi program writes:');
    expect(act).toThrow(problem);
  });
});
