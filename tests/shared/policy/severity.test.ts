// The severity scale: its order, scanners' labels, and the bands of CVSS scores.
import { describe, expect, it } from 'vitest';
import { atLeast, SEVERITIES, severityFrom, severityOfScore } from '../../../shared/policy/severity.ts';

describe('the scale', () => {
  it('is ordered from lowest to highest', () => {
    expect(SEVERITIES).toEqual(['informational', 'low', 'medium', 'high', 'critical']);
  });

  it('compares every pair', () => {
    const reached = SEVERITIES.map((threshold) => SEVERITIES.filter((severity) => atLeast(severity, threshold)));
    expect(reached).toEqual([
      ['informational', 'low', 'medium', 'high', 'critical'],
      ['low', 'medium', 'high', 'critical'],
      ['medium', 'high', 'critical'],
      ['high', 'critical'],
      ['critical'],
    ]);
  });
});

describe('a scanner’s label', () => {
  it.each([
    ['CRITICAL', { kind: 'known', severity: 'critical' }],
    ['High', { kind: 'known', severity: 'high' }],
    ['medium', { kind: 'known', severity: 'medium' }],
    ['LOW', { kind: 'known', severity: 'low' }],
    ['INFORMATIONAL', { kind: 'known', severity: 'informational' }],
    ['UNTRIAGED', { kind: 'unknown', label: 'UNTRIAGED' }],
    ['Negligible', { kind: 'unknown', label: 'Negligible' }],
    ['', { kind: 'unknown', label: '' }],
    [' HIGH', { kind: 'unknown', label: ' HIGH' }],
  ])('%j is %j', (label, severity) => {
    expect(severityFrom(label)).toEqual(severity);
  });
});

describe('a CVSS base score', () => {
  it.each([
    [10, 'critical'],
    [9, 'critical'],
    [8.9, 'high'],
    [7, 'high'],
    [6.9, 'medium'],
    [4, 'medium'],
    [3.9, 'low'],
    [0.1, 'low'],
    [0, 'informational'],
  ])('of %d is %s', (score, severity) => {
    expect(severityOfScore(score)).toBe(severity);
  });
});
