// What counts as a use of an image, by cloud.
import { USERS as ON_AWS } from '../../aws/function/usage.ts';
import { USERS as ON_AZURE } from '../../azure/function/usage.ts';
import type { Cloud } from '../../config/config.ts';
import type { Users } from '../../shared/report/usage-text.ts';

export const USERS: Readonly<Record<Cloud, Users>> = { aws: ON_AWS, azure: ON_AZURE };
