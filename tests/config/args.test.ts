// Tests that the closed sets in a component's arguments equal those of the core, which are ordered lists.
import { describe, expect, it } from 'vitest';
import { Images, Severity, Threshold, UnknownSeverity } from '../../config/args.ts';
import { IMAGES, UNKNOWN_SEVERITY } from '../../shared/policy/policy.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';

describe('the closed sets of the arguments', () => {
  it.each([
    ['severities', Severity, SEVERITIES],
    ['thresholds', Threshold, [...SEVERITIES, 'never']],
    ['treatments of an unknown severity', UnknownSeverity, UNKNOWN_SEVERITY],
    ['images', Images, IMAGES],
  ])('equal those of the core: %s', (_what, set, core) => {
    expect(Object.values(set)).toEqual(core);
  });
});
