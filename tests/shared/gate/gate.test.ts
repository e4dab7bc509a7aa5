// The key of a gate: unique within a table, and readable.
import { describe, expect, it } from 'vitest';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import { GATE } from '../samples.ts';

describe('the key of a gate', () => {
  it.each<[string, Gate, string]>([
    ['of a repository names registry and repository', GATE, '123456789012/team/app'],
    ['of an image also names the digest', { ...GATE, digest: 'sha256:ab' }, '123456789012/team/app@sha256:ab'],
  ])('%s', (_name, gate, key) => {
    expect(gateKey(gate)).toBe(key);
  });
});
