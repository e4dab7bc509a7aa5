// The settings of a deployed function: what both clouds' have in common, a cloud's own beside it, and everything that
// can be wrong.
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parseSettingsFile } from '../../../shared/runtime/settings-file.ts';
import { policy } from '../samples.ts';

const COMMON = { stack: 'dev', mode: 'enforce', sweepHours: 6, maxClosesPerHour: 25 };
const OWN = { registries: v.array(v.string('texts'), 'a list of texts') };
const parse = (settings: unknown) => parseSettingsFile(JSON.stringify(settings), OWN);

describe('settings.json', () => {
  it('has the checked policy in the place of its parts, and what is the cloud’s own', () => {
    const settings = { ...COMMON, severityThreshold: 'critical', policy: { unfixable: 'never' }, registries: ['a'] };
    expect(parse(settings)).toEqual({
      ...COMMON,
      registries: ['a'],
      policy: policy({ severityThreshold: 'critical', unfixable: 'never' }),
    });
  });

  it('without a policy has the default one', () => {
    expect(parse({ ...COMMON, registries: [] })).toEqual({ ...COMMON, registries: [], policy: policy() });
  });

  it.each<[string, string, RegExp]>([
    ['is not JSON', '{', /\nsettings is "\{": expected JSON$/],
    ['is no object', '[]', /\nsettings\.stack is missing: expected the name of the stack/],
    [
      'lacks a field',
      JSON.stringify({ ...COMMON, mode: undefined, registries: [] }),
      /\nsettings\.mode is missing: expected enforce or audit$/,
    ],
    [
      'has a field of the cloud that is wrong',
      JSON.stringify({ ...COMMON, registries: 5 }),
      /\nsettings\.registries is 5: expected a list of texts$/,
    ],
    [
      'has a policy that is none',
      JSON.stringify({ ...COMMON, registries: [], severityThreshold: 'dire' }),
      /\nseverityThreshold is "dire": expected one of /,
    ],
  ])('that %s throws: a mixed deployment', (_name, text, problem) => {
    const act = () => parseSettingsFile(text, OWN);
    expect(act).toThrow('settings.json is not what the Pulumi program writes:');
    expect(act).toThrow(problem);
  });
});
