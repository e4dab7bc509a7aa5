// The Azure workbook of a stack: plain data in, its JSON out. All its data comes from log queries, with no agent and no
// metrics.
import { createHash } from 'node:crypto';
import * as applicationinsights from '@pulumi/azure-native/applicationinsights/index.js';
import * as pulumi from '@pulumi/pulumi';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { alarmQuery } from './alarms.ts';
import { PANELS, type Panel } from './panels.ts';
import type { Placement } from './placement.ts';

const WEEK_MILLISECONDS = 7 * DAY_MILLISECONDS;
/** The time ranges to choose from, in days. */
const DAYS = [1, 7, 30, 90];

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/**
 * The workbook's content, in the form that the portal's own editor writes.
 * Sources: https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-automate, and for samples of each kind
 * of item https://github.com/microsoft/Application-Insights-Workbooks
 */
export function workbookContent(resourceGroup: string, workspaceId: string, componentId: string): Json {
  return {
    version: 'Notebook/1.0',
    items: [
      { type: 1, name: 'introduction', content: { json: introduction(resourceGroup) } },
      {
        type: 9,
        name: 'time',
        content: {
          version: 'KqlParameterItem/1.0',
          style: 'pills',
          parameters: [
            {
              id: guidOf(`time range ${componentId}`),
              version: 'KqlParameterItem/1.0',
              name: 'TimeRange',
              label: 'Time range',
              type: 4,
              isRequired: true,
              value: { durationMs: WEEK_MILLISECONDS },
              typeSettings: { selectableValues: DAYS.map((days) => ({ durationMs: days * DAY_MILLISECONDS })) },
            },
          ],
        },
      },
      ...PANELS.map((panel) => itemOf(panel, workspaceId, componentId)),
    ],
    fallbackResourceIds: [componentId],
  };
}

function itemOf(panel: Panel, workspaceId: string, componentId: string): Json {
  const { name, title, view, width, isNow } = panel;
  return {
    type: 3,
    name,
    customWidth: String(width),
    content: {
      version: 'KqlItem/1.0',
      title,
      query: alarmQuery(panel, componentId),
      size: 0,
      queryType: 0,
      resourceType: 'microsoft.operationalinsights/workspaces',
      crossComponentResources: [workspaceId],
      timeContext: { durationMs: WEEK_MILLISECONDS },
      ...(isNow === true ? {} : { timeContextFromParameter: 'TimeRange' }),
      visualization: view,
      ...(view === 'tiles' ? { tileSettings: tilesOf(name) } : {}),
    },
  };
}

/** A tile shows the label of a row as its title, and the number below it. */
function tilesOf(name: string): Json {
  const [word, number] = name === 'now' ? ['fact', 'value'] : ['state', 'gates'];
  return {
    titleContent: { columnMatch: word, formatter: 1 },
    leftContent: { columnMatch: number, formatter: 12, formatOptions: { palette: 'auto' } },
    showBorder: true,
  };
}

function introduction(resourceGroup: string): string {
  return [
    `# pullgate in ${resourceGroup}`,
    'The panels are explained in **docs/operations.md#the-workbook** of the clone that the stack was deployed from. The description of each alert names its runbook.',
  ].join('\n\n');
}

/** Creates the workbook under the function's Application Insights component, and returns its URL. */
export function createWorkbook(
  name: string,
  { resourceGroupName, location }: Placement,
  { id, workspaceId, componentId }: Readonly<Record<'id' | 'workspaceId' | 'componentId', pulumi.Output<string>>>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const workbook = new applicationinsights.Workbook(
    `${name}-workbook`,
    {
      resourceGroupName,
      location,
      resourceName: id.apply((known) => guidOf(`workbook ${known}`)),
      kind: 'shared',
      category: 'workbook',
      displayName: pulumi.interpolate`pullgate in ${resourceGroupName}`,
      sourceId: componentId,
      serializedData: pulumi
        .all([resourceGroupName, workspaceId, componentId])
        .apply((known) => JSON.stringify(workbookContent(...known))),
    },
    { parent },
  );
  return pulumi.interpolate`https://portal.azure.com/#resource${workbook.id}`;
}

/**
 * A workbook's name must be a GUID. The same seed gives the same GUID, so that the next deployment finds the workbook.
 */
function guidOf(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
