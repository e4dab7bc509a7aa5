// Checks what Defender has exported to Log Analytics, as the function reads it: the newest rows about images.
import { type Assessment, assessmentFrom, imageInColumns, type Row } from '../../azure/function/assessments.ts';
import { attribute } from '../../azure/function/attribution.ts';
import { isOf, newestFindingsQuery, type UnplacedImage, WINDOWS } from '../../azure/function/findings.ts';
import { createRunQuery, rowsOrNone } from '../../azure/function/log-analytics.ts';
import { textOf } from '../../azure/function/loose-json.ts';
import type { ResolvedRegistry } from '../../azure/function/registries.ts';
import { type Finding, knownSeverity } from '../../shared/policy/finding.ts';
import { counted } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { type AzureTest, runCheck, unchecked } from './azure-check.ts';
import type { TestLine, TestResult } from './self-test.ts';

/** Enough to see every form of a row, and few enough for one answer. */
const MAX_ROWS = 1000;
const DAYS = Number.parseInt(WINDOWS.everything, 10);
const WORKSPACE_ROLE = "Log Analytics Reader on the stack's workspace";
const IMAGES_ROLE = 'AcrPull on the registries (in the role mode abac, Container Registry Repository Reader)';

const SUBJECTS = {
  rows: { check: 'rows', what: 'findings in Log Analytics' },
  attributed: { check: 'attributed', what: 'images of the stack' },
  severities: { check: 'severities', what: 'findings with a severity' },
  cves: { check: 'cves', what: 'findings with CVEs' },
} as const;

/** Four lines: the rows, and of these the images of the stack, the severities and the CVEs. */
export async function checkRows(test: AzureTest): Promise<readonly TestLine[]> {
  const read = await readRows(test);
  if ('state' in read) return withoutRows({ ...SUBJECTS.rows, ...read });
  if (read.length === 0) return withoutRows(await runCheck(SUBJECTS.rows, WORKSPACE_ROLE, () => noRows(test)));
  const assessments = read.flatMap((row) => assessmentFrom(row) ?? []);
  return [
    { ...SUBJECTS.rows, ...seen(read) },
    await runCheck(SUBJECTS.attributed, IMAGES_ROLE, () => attributed(test, read)),
    { ...SUBJECTS.severities, ...share(assessments, (finding) => knownSeverity(finding) !== undefined, NO_SEVERITY) },
    { ...SUBJECTS.cves, ...share(assessments, namesCve, NO_CVE) },
  ];
}

/** The newest rows, or why there is no answer. */
async function readRows({ logs, stack }: AzureTest): Promise<readonly Row[] | TestResult> {
  const run = createRunQuery(logs, stack.workspaceId);
  try {
    return await rowsOrNone(run(newestFindingsQuery(stack.findingsQuery, MAX_ROWS)));
  } catch (error) {
    return unchecked(error, WORKSPACE_ROLE);
  }
}

/** If no image is vulnerable, there is nothing to check, and nothing that needs action. */
function withoutRows(rows: TestLine): readonly TestLine[] {
  const result: TestResult =
    rows.state === 'warning'
      ? { state: 'warning', found: 'nothing to check yet: there are no rows' }
      : { state: 'unknown', found: 'could not be checked: there are no rows' };
  const others = [SUBJECTS.attributed, SUBJECTS.severities, SUBJECTS.cves];
  return [rows, ...others.map((subject) => ({ ...subject, ...result }))];
}

/** A registry without vulnerable images has no rows either. */
async function noRows({ adapters, now }: AzureTest): Promise<TestResult> {
  const problem = await adapters.scanner.health(now(), false);
  return {
    state: problem === undefined ? 'warning' : 'failed',
    found: `none in the last ${DAYS} days${problem === undefined ? ', but other recommendations arrive' : ''}`,
    toDo: problem ?? 'Push an image with a known vulnerability, and run this command again after a day.',
  };
}

/** The newest row comes first. */
function seen(read: readonly Row[]): TestResult {
  const rows = read.length === MAX_ROWS ? `the newest ${MAX_ROWS} rows` : counted(read.length, 'row');
  const at = read[0]?.['TimeGenerated'];
  const newest = at instanceof Date ? `, the newest at ${minute(at.toISOString())}` : '';
  return { state: 'ok', found: `${rows} of the last ${DAYS} days${newest}` };
}

/** How many images of the rows are in a registry of the stack. Images of other registries do not count. */
async function attributed({ adapters }: AzureTest, rows: readonly Row[]): Promise<TestResult> {
  const all = await adapters.registries.all();
  const registries = all.filter((one) => one.kind === 'resolved');
  const unread = all.find((one) => one.kind === 'unresolved');
  if (unread !== undefined) {
    const found = `could not be checked: the registry ${unread.name} could not be read`;
    return { state: 'unknown', found, toDo: 'See the lines of this registry.' };
  }
  const [placed, unplaced] = imagesIn(rows, registries);
  const { counts, failures } = await attribute(unplaced, registries.map(adapters.registryAt), placed > 0);
  if (counts.unread > 0 && failures[0] !== undefined) throw failures[0];
  const found = placed + counts.attributed;
  const total = found + counts.unattributed;
  if (total === 0) {
    const toDo = 'Check that pullgate:azure.registries names the registries that Defender scans.';
    return { state: 'failed', found: 'none: the rows are about other registries', toDo };
  }
  // Defender keeps what it found in an image for some days after the image was deleted.
  const gone = counts.gone === 0 ? '' : `, without ${counts.gone} no longer in the registry`;
  if (found === total) return { state: 'ok', found: `${found} of ${counted(total, 'image')}${gone}` };
  return {
    state: found === 0 ? 'failed' : 'warning',
    found: `${found} of ${counted(total, 'image')}${gone}`,
    toDo: `Look at these assessments in the workspace: ${counts.assessments.join(', ')}. See docs/operations.md#azure-unattributed.`,
  };
}

/** The number of images that the rows place in a registry of the stack, and the images that they do not place. */
function imagesIn(
  rows: readonly Row[],
  registries: readonly ResolvedRegistry[],
): readonly [number, readonly UnplacedImage[]] {
  const placed = new Set<string>();
  const unplaced = new Map<string, UnplacedImage>();
  for (const row of rows) {
    const named = { registryName: textOf(row['RegistryName']), registryHost: textOf(row['RegistryHost']) };
    const image = imageInColumns(row);
    const key = JSON.stringify([named, image]);
    if (row['IsPlaced'] !== true || image === undefined) {
      unplaced.set(key, { ...named, image, assessment: textOf(row['AssessmentId']) });
    } else if (registries.some((registry) => isOf(registry, named))) placed.add(key);
  }
  return [placed.size, [...unplaced.values()]];
}

const NO_SEVERITY =
  'A finding with neither a severity, nor a score, nor a recommendation with a severity leaves its image undetermined. Set pullgate:azure.cveDetails to read them from Resource Graph, or see policy.unknownSeverity.';
const NO_CVE =
  'A finding without a CVE has only the severity of its recommendation, and no exception by CVE matches it. See docs/limits.md.';

/** In how many of the assessments every finding has something. */
function share(assessments: readonly Assessment[], has: (finding: Finding) => boolean, toDo: string): TestResult {
  const total = assessments.length;
  if (total === 0) return { state: 'unknown', found: 'could not be checked: no row names an image' };
  const count = assessments.map(findingsOf).filter((findings) => findings.length > 0 && findings.every(has)).length;
  const found = `${count} of ${counted(total, 'row')}`;
  if (count === total) return { state: 'ok', found };
  return { state: count === 0 ? 'failed' : 'warning', found, toDo };
}

function findingsOf({ reports }: Assessment): readonly Finding[] {
  return reports.flatMap(({ findings }) => findings);
}

function namesCve({ vulnerability }: Finding): boolean {
  return !vulnerability.startsWith('assessment:');
}
