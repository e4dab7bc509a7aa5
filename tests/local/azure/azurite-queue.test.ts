// The local queue service answers as azurite does.
import { compareWithAzurite, type Different, type Same, type Step, type Storage } from './both-storages.ts';

/** A field of the first message in an answer, such as its id. */
function field(response: Awaited<ReturnType<Storage['ask']>>, name: string): string {
  const [, value] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(response?.bodyAsText ?? '') ?? [];
  if (value === undefined) throw new Error(`expected ${name} in ${response?.bodyAsText}`);
  return value;
}

/** Receives a message, and works on it with its id and its receipt. */
function received(work: (storage: Storage, id: string, receipt: string) => Promise<unknown>, seconds = 30): Step {
  return async (storage) => {
    const response = await storage.ask('GET', `/messages?visibilitytimeout=${seconds}`);
    await work(storage, field(response, 'MessageId'), encodeURIComponent(field(response, 'PopReceipt')));
  };
}

const put =
  (text = 'b25l', query = ''): Step =>
  ({ ask }) =>
    ask('POST', `/messages${query}`, text);
const get =
  (query = ''): Step =>
  ({ ask }) =>
    ask('GET', `/messages${query}`);
const wait =
  (seconds: number): Step =>
  (storage) =>
    storage.wait(seconds);
const count: Step = ({ ask }) => ask('GET', '?comp=metadata');
const peek = get('?peekonly=true&numofmessages=32');

const CASES: readonly Same[] = [
  [
    'the function sends, delays and counts',
    [({ queue }) => queue.sendLater({ a: 'ä<&' }, 60), ({ queue }) => queue.deadLetterCount()],
  ],
  ['a message is put, counted, peeked at and received', [put(), count, peek, get(), peek, get(), count]],
  [
    'several messages are received in the order in which they were put',
    [put('YQ=='), put('Yg=='), put('Yw=='), get('?numofmessages=2'), get('?numofmessages=2'), get()],
  ],
  ['a message is hidden until its time', [put('b25l', '?visibilitytimeout=2'), peek, get(), wait(2.5), peek, get()]],
  [
    'a message that is not deleted is received again, and each time is counted',
    [put(), get('?visibilitytimeout=1'), get(), wait(1.5), peek, get('?visibilitytimeout=1'), wait(1.5), get()],
  ],
  ['a message expires', [put('b25l', '?messagettl=2'), peek, wait(2.5), peek, get()]],
  ['a message that never expires says so', [put('b25l', '?messagettl=-1'), peek]],
  ['text is escaped as XML', [put('&lt;a b=&quot;c&quot;&gt; &amp;amp; &apos;'), peek, get()]],
  ['an empty message', [put(''), get()]],
  [
    'a deleted message is gone',
    [put(), received(({ ask }, id, receipt) => ask('DELETE', `/messages/${id}?popreceipt=${receipt}`)), count],
  ],
  [
    'a message that was put is deleted by the receipt of its put',
    [
      async ({ ask }) => {
        const response = await ask('POST', '/messages', 'b25l');
        await ask(
          'DELETE',
          `/messages/${field(response, 'MessageId')}?popreceipt=${encodeURIComponent(field(response, 'PopReceipt'))}`,
        );
      },
      count,
    ],
  ],
  [
    'a deletion is refused after another receive',
    [
      put(),
      received(async ({ ask, ...storage }, id, receipt) => {
        await storage.wait(1.5);
        await ask('GET', '/messages');
        await ask('DELETE', `/messages/${id}?popreceipt=${receipt}`);
      }, 1),
      count,
    ],
  ],
  [
    'a second deletion is refused',
    [
      put(),
      received(async ({ ask }, id, receipt) => {
        for (let time = 0; time < 2; time++) await ask('DELETE', `/messages/${id}?popreceipt=${receipt}`);
      }),
    ],
  ],
  [
    'an update hides, and changes text and receipt',
    [
      put(),
      received(async ({ ask, ...storage }, id, receipt) => {
        await ask('PUT', `/messages/${id}?popreceipt=${receipt}&visibilitytimeout=1`, 'dHdv');
        await ask('DELETE', `/messages/${id}?popreceipt=${receipt}`);
        await ask('GET', '/messages');
        await storage.wait(1.5);
        await ask('GET', '/messages');
      }),
    ],
  ],
  [
    'an update without a text keeps it',
    [
      put(),
      received(({ ask }, id, receipt) => ask('PUT', `/messages/${id}?popreceipt=${receipt}&visibilitytimeout=0`)),
      get(),
    ],
  ],
  [
    'an update of a missing message',
    [
      ({ ask }) =>
        ask('PUT', '/messages/8c1dcb5b-6a1c-4f8e-9d3b-0a1f00000000?popreceipt=AgAAAAMAAAAAAAAA&visibilitytimeout=0'),
    ],
  ],
  [
    'a deletion of a missing message',
    [({ ask }) => ask('DELETE', '/messages/8c1dcb5b-6a1c-4f8e-9d3b-0a1f00000000?popreceipt=AgAAAAMAAAAAAAAA')],
  ],
  ['a message of 64 KiB', [put('x'.repeat(65_536)), count]],
  ...['visibilitytimeout=-1', 'visibilitytimeout=604801', 'visibilitytimeout=604800&messagettl=-1'].map(
    (query) => [`a put with ${query}`, [put('b25l', `?${query}`)]] as const,
  ),
  ...['numofmessages=33', 'visibilitytimeout=0', 'visibilitytimeout=604801'].map(
    (query) => [`a receive with ${query}`, [put(), get(`?${query}`)]] as const,
  ),
  ['a peek with numofmessages=33', [put(), get('?peekonly=true&numofmessages=33')]],
];

/** azurite parses parameters and bodies before its own checks, and these refusals have no code. */
const NO_CODE = '400';
const OUT_OF_RANGE = '400 OutOfRangeQueryParameterValue';
const MISSING = '400 MissingRequiredQueryParameter';
const noReceipt = received(({ ask }, id) => ask('DELETE', `/messages/${id}`));
const noTimeout = received(({ ask }, id, receipt) => ask('PUT', `/messages/${id}?popreceipt=${receipt}`));
/**
 * The local Azure follows the documentation.
 * Sources: https://learn.microsoft.com/rest/api/storageservices/put-message,
 * https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes,
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
 */
const DIFFERENT: readonly Different[] = [
  ['a deletion without a receipt', [put(), noReceipt], MISSING, NO_CODE],
  ['an update without a timeout', [put(), noTimeout], MISSING, NO_CODE],
  ['no message', [({ ask }) => ask('POST', '/messages', '</MessageText><b/>')], '400 InvalidXmlDocument', NO_CODE],
  ['a message over 64 KiB', [put('x'.repeat(65_537))], '400 MessageTooLarge', '413 RequestBodyTooLarge'],
  ['a put that is hidden for x', [put('b25l', '?visibilitytimeout=x')], OUT_OF_RANGE, NO_CODE],
  ['a put that lives for -2', [put('b25l', '?messagettl=-2')], OUT_OF_RANGE, NO_CODE],
  ['a put that lives for 0', [put('b25l', '?messagettl=0')], OUT_OF_RANGE, '400 InvalidQueryParameterValue'],
  [
    'a put that is hidden as long as it lives',
    [put('b25l', '?visibilitytimeout=60&messagettl=60')],
    OUT_OF_RANGE,
    '400 InvalidQueryParameterValue',
  ],
  ['a put that is hidden for its whole week', [put('b25l', '?visibilitytimeout=604800')], OUT_OF_RANGE, '201'],
  ['a receive of no message', [put(), get('?numofmessages=0')], OUT_OF_RANGE, NO_CODE],
  ['a peek at no message', [put(), get('?peekonly=true&numofmessages=0')], OUT_OF_RANGE, NO_CODE],
];

compareWithAzurite('the local queue service', CASES, DIFFERENT);
