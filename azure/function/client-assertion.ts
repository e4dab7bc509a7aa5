// The bundle's replacement for `jsonwebtoken`, which only signs for an application with a certificate: the function has
// a managed identity.
const refuse = (): never => {
  throw new Error('the function signs no assertion: it needs its managed identity, PULLGATE_CLIENT_ID');
};

export default { sign: refuse, decode: refuse, verify: refuse };
