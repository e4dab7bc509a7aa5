// What people call the clouds that a stack can be in.
import type { Cloud } from '../../config/config.ts';

export const CLOUD_NAMES: Readonly<Record<Cloud, string>> = { aws: 'AWS', azure: 'Azure' };
