// A resource plugin in the place of a cloud's: it creates nothing, and answers as the local cloud's mocks do. The
// engine keeps the answers in its state, so a resource keeps its physical name until it is replaced.
// Usage: node stub-plugin.ts VERSION ENGINE_ADDRESS. It prints its port.
import { isDeepStrictEqual } from 'node:util';
import { main, type Provider } from '@pulumi/pulumi/provider/index.js';
import { answerCall, answerRegistration, placeOf } from '../../local/graph-mocks.ts';

type Properties = Readonly<Record<string, unknown>>;

/** A resource's properties in the state, with the inputs that they came from: an answer can replace an input. */
interface State extends Properties {
  readonly inputs__: Properties;
}

const [, , version = '', ...rest] = process.argv;
const places = placeOf({});

/** The inputs that are new or have another value. */
function changedInputs({ inputs__ }: State, news: Properties): Properties {
  return Object.fromEntries(Object.entries(news).filter(([key, value]) => !isDeepStrictEqual(inputs__[key], value)));
}

const stub: Provider = {
  version,
  async diff(_id: string, _urn: string, olds: State, news: Properties) {
    return { changes: !isDeepStrictEqual(olds.inputs__, news) };
  },
  async create(urn: string, inputs: Properties) {
    const [stack = '', , types = '', name = ''] = urn.replace('urn:pulumi:', '').split('::');
    const type = types.split('$').at(-1) ?? '';
    const { id, state } = answerRegistration(places, stack, { type, name, inputs });
    return { id, outs: { ...state, inputs__: inputs } };
  },
  async update(_id: string, _urn: string, olds: State, news: Properties) {
    return { outs: { ...olds, ...changedInputs(olds, news), inputs__: news } };
  },
  async invoke(token: string, inputs: Properties) {
    return { outputs: answerCall(places, token, inputs) };
  },
};

await main(stub, rest);
