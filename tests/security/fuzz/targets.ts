// The list of all fuzz targets, by name.

import type { Target } from './target.ts';
import { CONFIG_TARGETS } from './targets-config.ts';
import { FINDING_TARGETS } from './targets-findings.ts';
import { MESSAGE_TARGETS } from './targets-messages.ts';
import { REGISTRY_TARGETS } from './targets-registry.ts';

export const TARGETS: readonly Target[] = [
  ...MESSAGE_TARGETS,
  ...FINDING_TARGETS,
  ...CONFIG_TARGETS,
  ...REGISTRY_TARGETS,
];
