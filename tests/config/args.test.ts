// Proves that the closed sets of a component's arguments are those of the core, which has its own in an order.
import { describe, expect, it } from 'vitest';
import { Images, Severity, Threshold, UnknownSeverity } from '../../config/args.ts';
import { IMAGES, UNKNOWN_SEVERITY } from '../../shared/policy/policy.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';

describe('the closed sets of the arguments', () => {
  it.each([
    ['severities', Severity, SEVERITIES],
    ['thresholds', Threshold, [...SEVERITIES, 'never']],
    ['what an unknown severity is', UnknownSeverity, UNKNOWN_SEVERITY],
    ['images', Images, IMAGES],
  ])('are those of the core: %s', (_what, set, core) => {
    expect(Object.values(set)).toEqual(core);
  });
});
