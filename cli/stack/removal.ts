// The commands of each cloud that delete images, and that untag them where that helps.
import { REMOVAL as AWS } from '../../aws/function/removal.ts';
import { REMOVAL as AZURE } from '../../azure/function/removal.ts';
import type { Cloud } from '../../config/config.ts';
import type { RemovalCommands } from '../../shared/report/remedy-text.ts';

export const REMOVALS: Readonly<Record<Cloud, RemovalCommands>> = { aws: AWS, azure: AZURE };
