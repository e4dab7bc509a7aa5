// The search for secrets finds planted ones, both as they are and in the encodings that programs produce.
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../local/graph.ts';
import { leaksOf, placesIn, unmarked } from './leaks.ts';

const TOKEN = 'eyJhbGciOiJub25lIn0.eyJqdGkiOiI0MiJ9/+"x".local';
const SECRETS = [
  { what: 'a token', value: TOKEN },
  { what: 'another one', value: 'never-given-to-anybody' },
];

describe('a secret is found', () => {
  test.each([
    ['as it is', `authorization: Bearer ${TOKEN}`],
    ['in a line of JSON', JSON.stringify({ error: `no: ${TOKEN}` })],
    ['in an address', `https://example.com/?sig=${encodeURIComponent(TOKEN)}&x=1`],
    ['in base64', Buffer.from(TOKEN).toString('base64')],
    ['in base64url', Buffer.from(TOKEN).toString('base64url')],
    ['in base64, after one character', Buffer.from(`:${TOKEN}:`).toString('base64')],
    ['in base64, after two characters', Buffer.from(`::${TOKEN}:`).toString('base64')],
    ['in base64, after a name', Buffer.from(`AWS:${TOKEN}`).toString('base64')],
    ['in hexadecimal digits', Buffer.from(TOKEN).toString('hex')],
  ])('%s', (_form, text) => {
    expect(leaksOf(SECRETS, { 'the log': `a line\n${text}\n`, 'the mails': 'nothing' })).toEqual([
      'a token is in the log',
    ]);
  });

  test('in an unmarked value of a graph, but not in a marked one', () => {
    const graph: Graph = {
      resources: [
        {
          type: 'a:b:C',
          name: 'leaky',
          urn: 'urn:1',
          parent: undefined,
          id: 'x',
          inputs: { marked: { secret: { deep: TOKEN } }, list: [{ secret: TOKEN }] },
          outputs: { plain: [{ deep: TOKEN }] },
        },
      ],
      outputs: { shown: TOKEN, hidden: { secret: TOKEN } },
      archives: { 'urn:1': { 'index.mjs': `const t = ${JSON.stringify(TOKEN)};` } },
      warnings: [TOKEN],
      loaded: [],
    };
    expect(leaksOf(SECRETS, placesIn(graph))).toEqual([
      'a token is in the resource a:b:C leaky',
      "a token is in the stack's outputs",
      'a token is in the warnings',
      'a token is in the file index.mjs of the bundle',
    ]);
    expect(unmarked(graph.resources[0]?.inputs)).toEqual({ marked: 'secret', list: ['secret'] });
  });

  test('and rejects a secret that is too short to distinguish from other text', () => {
    expect(() => leaksOf([{ what: 'a code', value: '1234' }], {})).toThrow('a code is too short to search for');
  });
});
