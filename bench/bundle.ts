// The size of each cloud's deployed code, and its share of the budget.
import { readResources } from '../local/aws/resources.ts';
import { readResources as readAzureResources } from '../local/azure/resources.ts';
import { graphOf } from '../local/graph.ts';
import { count, type Part } from './part.ts';
import { AZURE_CONFIG } from './world-azure.ts';

/** The budgets of tests/bundle.test.ts. */
export const bundle: Part = {
  title: 'Bundles',
  async measure() {
    const { lambda } = readResources(await graphOf({}));
    const { app } = readAzureResources(await graphOf(AZURE_CONFIG));
    return [
      {
        title: 'Size of index.mjs, minified and uncompressed, in bytes',
        head: ['function', 'bytes', 'budget', 'share of the budget'],
        rows: [sizeRow('AWS', lambda.files, 425_000), sizeRow('Azure', app.files, 850_000)],
      },
    ];
  },
};

function sizeRow(name: string, files: Readonly<Record<string, string>>, budgetBytes: number): readonly string[] {
  const bytes = Buffer.byteLength(files['index.mjs'] ?? '');
  return [name, count(bytes), count(budgetBytes), `${((100 * bytes) / budgetBytes).toFixed(1)} %`];
}
