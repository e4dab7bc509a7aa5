// EventBridge's pattern matching: the documented rules, and an error for anything else.
import { describe, expect, it } from 'vitest';
import { matches } from '../../../local/aws/pattern.ts';

const finding = {
  source: 'aws.inspector2',
  detail: {
    severity: 'HIGH',
    score: 7,
    note: null,
    resources: [
      { type: 'AWS_EC2_INSTANCE', id: 'a' },
      { type: 'AWS_ECR_CONTAINER_IMAGE', id: 'b' },
    ],
    tags: ['x', 'y'],
    none: [],
  },
};

describe('an event pattern', () => {
  it.each([
    ['matches a literal', { source: ['aws.inspector2'] }, true],
    ['matches one of several literals', { source: ['aws.ecr', 'aws.inspector2'] }, true],
    ['does not match another literal', { source: ['aws.ecr'] }, false],
    ['requires each of its keys', { source: ['aws.inspector2'], detail: { severity: ['LOW'] } }, false],
    ['matches a number and null', { detail: { score: [7], note: [null] } }, true],
    ['matches one element of an array', { detail: { tags: ['y', 'z'] } }, true],
    ['matches an object in an array', { detail: { resources: { type: ['AWS_ECR_CONTAINER_IMAGE'] } } }, true],
    [
      'requires one object of an array to match all its keys',
      { detail: { resources: { type: ['AWS_ECR_CONTAINER_IMAGE'], id: ['a'] } } },
      false,
    ],
    ['matches a value that is not excluded', { detail: { severity: [{ 'anything-but': ['LOW', 'MEDIUM'] }] } }, true],
    ['does not match an excluded value', { detail: { severity: [{ 'anything-but': ['HIGH'] }] } }, false],
    ['does not treat a missing value as not excluded', { detail: { other: [{ 'anything-but': ['HIGH'] }] } }, false],
    [
      'matches a missing value if it may be missing',
      { detail: { other: [{ 'anything-but': ['HIGH'] }, { exists: false }] } },
      true,
    ],
    ['matches a missing value below a missing object', { detail: { other: { deeper: [{ exists: false }] } } }, true],
    ['matches an existing value', { detail: { severity: [{ exists: true }] } }, true],
    ['does not treat an object as a leaf', { detail: [{ exists: true }] }, false],
    ['treats an empty array as missing', { detail: { none: [{ exists: false }] } }, true],
    ['matches a prefix', { source: [{ prefix: 'aws.' }] }, true],
    ['does not match another prefix', { source: [{ prefix: 'com.' }] }, false],
  ])('%s', (_what, pattern, wanted) => {
    expect(matches(pattern, finding)).toBe(wanted);
  });

  it.each([
    ['an unsupported operator', { source: [{ suffix: 'x' }] }],
    ['two operators at once', { source: [{ prefix: 'x', exists: true }] }],
    ['a nested operator', { source: [{ 'anything-but': { prefix: 'x' } }] }],
    ['a leaf that is not a list', { source: 'aws.ecr' }],
    ['an empty list', { source: [] }],
    ['an empty object', { detail: {} }],
    ['$or', { $or: [{ source: ['x'] }] }],
    ['a nested list', { source: [['x']] }],
    ['absence below an array', { detail: { resources: { type: [{ exists: false }] } } }],
  ])('throws on %s', (_what, pattern) => {
    expect(() => matches(pattern, finding)).toThrow('the local event bus supports');
  });
});
