// The bundle's replacement for `jsonwebtoken`. That package is only needed to sign in as an application with a
// certificate, but the function has a managed identity.
const refuse = (): never => {
  throw new Error('the function cannot sign a client assertion: it uses its managed identity (PULLGATE_CLIENT_ID)');
};

export default { sign: refuse, decode: refuse, verify: refuse };
