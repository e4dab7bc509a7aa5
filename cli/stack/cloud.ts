// The display names of the clouds.
import type { Cloud } from '../../config/config.ts';

export const CLOUD_NAMES: Readonly<Record<Cloud, string>> = { aws: 'AWS', azure: 'Azure' };
