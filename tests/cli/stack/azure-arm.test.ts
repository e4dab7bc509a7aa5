// Reading Resource Manager: what is not its answer is an error. tests/local/azure/arm.test.ts has the answers.
import { RestError } from '@azure/core-rest-pipeline';
import { expect, it } from 'vitest';
import { createReadArm, listArm } from '../../../cli/stack/azure-arm.ts';

const token = { getToken: () => Promise.reject(new Error('no token must be asked for')) };

it.each(['https://evil.example/subscriptions', '//evil.example/subscriptions'])(
  'sends no token to another host: %s',
  async (path) => {
    const hosts = 'Resource Manager links to another host: https://evil.example';
    await expect(createReadArm(token)(path)).rejects.toThrow(hosts);
    const read = (asked: string) =>
      asked === '/list' ? Promise.resolve({ value: [], nextLink: path }) : createReadArm(token)(asked);
    await expect(listArm(read, '/list')).rejects.toThrow(hosts);
  },
);

it('refuses an answer without a list, and a list that does not end', async () => {
  const list = listArm(async () => ({ id: 'x' }), '/list');
  // Only an answer of Azure makes one line of the self-test unknown. Other errors end the command.
  await expect(list).rejects.toThrow(RestError);
  await expect(list).rejects.toThrow('has no list');
  const endless = async () => ({ value: [1], nextLink: '/list' });
  await expect(listArm(endless, '/list')).rejects.toThrow('more than 100 pages for /list');
});
