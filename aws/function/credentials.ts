// Replaces the SDK's credential chain in the bundle. Lambda provides its credentials in the environment, so the other
// providers would only add size.
import { fromEnv } from '@aws-sdk/credential-provider-env';

/** Replaces the export of the same name in `@aws-sdk/credential-provider-node`. */
export const defaultProvider = fromEnv;
