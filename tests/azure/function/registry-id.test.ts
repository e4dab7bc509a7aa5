// The registry that an id names, and the name at its end.
import { describe, expect, it } from 'vitest';
import { nameOf, registryIn } from '../../../azure/function/registry-id.ts';
import { ASSESSMENT, ASSESSMENT_ID, DIGEST, REGISTRY_ID, SUBSCRIPTION } from './samples.ts';

describe('an id', () => {
  it.each<[string, string | undefined]>([
    [REGISTRY_ID, 'myacr'],
    [ASSESSMENT_ID, 'myacr'],
    [REGISTRY_ID.toLowerCase(), 'myacr'],
    [REGISTRY_ID.replace('resourceGroups/rg', 'resourceGroups/My-group_(2).x'), 'myacr'],
    [`${REGISTRY_ID}2`, 'myacr2'],
    [REGISTRY_ID.replace('/rg/', '/größe-日本/'), 'myacr'],
    [`${REGISTRY_ID}/repositories-team-app-images-${DIGEST}`, 'myacr'],
    [`${REGISTRY_ID}-repositories-team-app-images-${DIGEST}`, 'myacr'],
    [`${REGISTRY_ID}-1/repositories-team-app-images-${DIGEST}`, 'myacr-1'],
    [`${REGISTRY_ID}?x`, undefined],
    [`${REGISTRY_ID}/a\nb`, undefined],
    [`x${REGISTRY_ID}`, undefined],
    [REGISTRY_ID.replace('myacr', 'acr'), undefined],
    [REGISTRY_ID.replace('rg/', 'rg/x/'), undefined],
    [REGISTRY_ID.replace(SUBSCRIPTION, '{SubscriptionID}'), undefined],
    ['', undefined],
  ])('%j names the registry %s', (id, name) => {
    expect(registryIn(id)?.name).toBe(name);
  });

  it.each([
    [ASSESSMENT_ID, ASSESSMENT],
    ['/a/b/ABC', 'abc'],
    ['abc', 'abc'],
    ['', ''],
  ])('%s ends with the name %s', (id, name) => {
    expect(nameOf(id)).toBe(name);
  });
});
