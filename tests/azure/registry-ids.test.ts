// The component and the function both parse the ids of registries. They must parse every id that the config accepts
// alike.
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { parseArmId } from '../../azure/component/placement.ts';
import { keyOf, registryIn } from '../../azure/function/registry-id.ts';
import { azureSettings } from '../../config/settings.ts';

const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';
const registry = (group: string, name: string) =>
  `${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.ContainerRegistry/registries/${name}`;

it.each([
  ['as shown by the portal', registry('images', 'acmeimages')],
  ['in lower case', registry('images', 'acmeimages').toLowerCase()],
  ['in upper case', registry('IMAGES', 'ACMEIMAGES')],
  ['with a group of all allowed characters', registry('rg-1.prod_(eu)', 'acme5')],
  ['with a group in other scripts', registry('Gänge-Ω-レジストリ-٣', 'acmeimages')],
  ['with the shortest name', registry('a', 'a1b2c')],
  ['with the longest names', registry('g'.repeat(90), 'a'.repeat(50))],
])('an id %s', (_name, id) => {
  expect(v.is(azureSettings, { registries: [id] })).toBe(true);
  const { subscriptionId: subscription, resourceGroup, name } = parseArmId(id);
  expect(registryIn(id)).toEqual({ subscription, resourceGroup, name });
  expect(registryIn(`${id}/repositories/team/app/images/x`)).toEqual({ subscription, resourceGroup, name });
  expect(keyOf(registryIn(id))).toBe(keyOf(registryIn(id.toUpperCase())));
});
