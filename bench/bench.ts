// `npm run bench`: measures the named parts, or all of them, prints their figures, and writes them into the page that
// has them. `npm run bench -- --tiny NAMES` uses tiny inputs, as the tests do, and writes nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { pageOf } from './part.ts';
import { partsNamed } from './parts.ts';
import { type Circumstances, tablesAsText, withFigures } from './report.ts';

const PROJECT = join(import.meta.dirname, '..');
const TINY = '--tiny';
const isTiny = process.argv.includes(TINY);
const names = process.argv.slice(2).filter((argument) => argument !== TINY);

function circumstances(): Circumstances {
  const processors = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return {
    date: new Date().toISOString().slice(0, 'yyyy-mm-dd'.length),
    machine: `${platform()}-${arch()}, ${processors.length} cores (${processors[0]?.model.trim()}), ${gigabytes} GB, shared with other work`,
    node: process.version,
    command: ['npm run bench', ...(names.length > 0 ? ['--', ...names] : [])].join(' '),
  };
}

try {
  const startedAt = performance.now();
  for (const [name, part] of partsNamed(names)) {
    const partStartedAt = performance.now();
    const tables = await part.measure(isTiny ? 'tiny' : 'full');
    console.log(`${part.title} (${name}, measured in ${seconds(partStartedAt)} s)\n\n${tablesAsText(tables)}\n`);
    // Write each part at once, so that its figures remain even if a later part fails.
    if (isTiny) continue;
    const page = join(PROJECT, pageOf(part));
    writeFileSync(page, withFigures(readFileSync(page, 'utf8'), name, tables, circumstances()));
    console.log(`The figures are in ${pageOf(part)}.`);
  }
  console.log(`Done in ${seconds(startedAt)} s.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(0);
}
