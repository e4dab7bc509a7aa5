// Stands in for the SDK's credential chain when the function is bundled: Lambda's credentials are in its environment,
// and the rest of the chain would only be weight.
import { fromEnv } from '@aws-sdk/credential-provider-env';

/** What `@aws-sdk/credential-provider-node` exports under this name. */
export const defaultProvider = fromEnv;
