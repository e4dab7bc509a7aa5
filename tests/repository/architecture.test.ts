// Proves that the dependency rules hold, that each of them bites, and that they really look at the project's modules.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '..', '..');
const { forbidden, options } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs');

/** Runs the project's rules over a folder. */
async function cruiseFolder(folder: string): Promise<ICruiseResult> {
  const settings = { ...options, ruleSet: { forbidden }, validate: true, baseDir: folder };
  const { output } = await cruise(['.'], settings, options.enhancedResolveOptions);
  if (typeof output === 'string') throw new Error('expected a result, was given text: leave out the output type');
  return output;
}

const NOT_SHIPPED_FROM_COMPONENT = ['component-imports-bundle-config-and-shared', 'shipped-never-imports-what-is-not'];
const NOT_SHIPPED_FROM_FUNCTION = ['function-imports-its-own-folder-and-shared', 'shipped-never-imports-what-is-not'];

/** Every row is one file with one import (`type:` marks a type import), and the rules that it breaks. */
const IMPORTS: readonly (readonly [file: string, imports: string, rules: readonly string[]])[] = [
  ['shared/clean.ts', 'valibot', []],
  ['shared/clean-of-core.ts', './clean.ts', []],
  ['shared/bad-builtin.ts', 'node:fs', ['shared-imports-nothing-but-valibot']],
  ['shared/bad-package.ts', '@aws-sdk/client-ecr', ['shared-imports-nothing-but-valibot']],
  ['shared/bad-cloud.ts', '../aws/function/clean.ts', ['shared-imports-nothing-but-valibot']],
  ['shared/bad-type.ts', 'type:../bundle.ts', ['shared-imports-nothing-but-valibot']],
  ['shared/bad-timer.ts', 'node:timers/promises', ['shared-imports-nothing-but-valibot']],
  ['shared/runtime/clean-timer.ts', 'node:timers/promises', []],
  ['shared/runtime/bad-builtin.ts', 'node:fs', ['runtime-imports-only-valibot-timers-and-crypto']],
  ['aws/function/clean.ts', '../../shared/clean.ts', []],
  ['aws/function/clean-sibling.ts', './clean.ts', []],
  ['aws/function/clean-sdk.ts', '@aws-sdk/client-ecr', []],
  ['aws/function/clean-builtin.ts', 'node:fs', []],
  ['aws/function/bad-component.ts', '../component/clean.ts', ['function-imports-its-own-folder-and-shared']],
  ['azure/function/bad-config.ts', '../../config/clean.ts', ['function-imports-its-own-folder-and-shared']],
  ['aws/function/bad-pulumi.ts', '@pulumi/pulumi', ['function-never-imports-pulumi']],
  ['azure/function/bad-pulumi-type.ts', 'type:@pulumi/pulumi', ['function-never-imports-pulumi']],
  ['aws/component/clean.ts', '../../bundle.ts', []],
  ['aws/component/clean-sibling.ts', './clean.ts', []],
  ['aws/component/clean-shared.ts', '../../shared/clean.ts', []],
  ['aws/component/clean-config.ts', '../../config/clean.ts', []],
  ['azure/component/clean.ts', '@pulumi/pulumi', []],
  ['aws/component/bad-function.ts', '../function/clean.ts', ['component-never-imports-function-code']],
  ['aws/component/bad-function-type.ts', 'type:../function/clean.ts', ['component-never-imports-function-code']],
  ['azure/component/bad-index.ts', '../../index.ts', ['component-imports-bundle-config-and-shared']],
  ['index.ts', './aws/function/clean.ts', ['component-never-imports-function-code']],
  ['bundle.ts', './shared/clean.ts', ['bundle-imports-nothing-of-the-project']],
  ['config/clean.ts', '../shared/clean.ts', []],
  ['config/bad-bundle.ts', '../bundle.ts', ['config-imports-shared-only']],
  [
    'aws/component/bad-azure.ts',
    '../../azure/component/clean.ts',
    ['aws-never-meets-azure', 'component-imports-bundle-config-and-shared'],
  ],
  ['aws/function/bad-azure.ts', '@azure/identity', ['aws-never-meets-azure']],
  ['local/aws/bad-azure.ts', '../azure/bad-aws.ts', ['aws-never-meets-azure']],
  [
    'azure/component/bad-aws.ts',
    '../../aws/component/clean.ts',
    ['azure-never-meets-aws', 'component-imports-bundle-config-and-shared'],
  ],
  ['azure/function/bad-aws.ts', '@aws-sdk/client-ecr', ['azure-never-meets-aws']],
  ['local/azure/bad-aws.ts', '@aws-sdk/client-ecr', ['azure-never-meets-aws']],
  ['aws/component/bad-local.ts', '../../local/clean.ts', NOT_SHIPPED_FROM_COMPONENT],
  ['aws/function/bad-local.ts', '../../local/clean.ts', NOT_SHIPPED_FROM_FUNCTION],
  ['azure/component/bad-tests.ts', '../../tests/clean.ts', NOT_SHIPPED_FROM_COMPONENT],
  ['aws/component/bad-bench.ts', '../../bench/clean.ts', NOT_SHIPPED_FROM_COMPONENT],
  ['aws/component/bad-cli.ts', '../../cli/clean.ts', NOT_SHIPPED_FROM_COMPONENT],
  ['aws/component/bad-demo.ts', '../../demo/clean.ts', NOT_SHIPPED_FROM_COMPONENT],
  ['local/clean.ts', '../shared/clean.ts', []],
  ['local/bad-demo.ts', '../demo/clean.ts', ['local-never-imports-the-demo']],
  ['demo/clean.ts', '../local/clean.ts', []],
  ['tests/clean.ts', 'vitest', []],
  ['bench/clean.ts', '../aws/function/clean.ts', []],
  ['cli/clean.ts', '../shared/clean.ts', []],
  ['aws/function/bad-dev.ts', 'vitest', ['shipped-imports-declared-dependencies-only']],
  ['cli/bad-undeclared.ts', 'undeclared', ['shipped-imports-declared-dependencies-only']],
  ['aws/component/clean-dev-type.ts', 'type:vitest', []],
  ['local/bad-cycle.ts', './bad-cycle-back.ts', ['no-cycle']],
  ['local/bad-cycle-back.ts', './bad-cycle.ts', ['no-cycle']],
  ['local/bad-type-cycle.ts', './bad-type-cycle-back.ts', ['no-cycle']],
  ['local/bad-type-cycle-back.ts', 'type:./bad-type-cycle.ts', ['no-cycle']],
  ['local/bad-nowhere.ts', './nowhere.ts', ['no-unresolvable']],
  ['local/bad-no-package.ts', 'no-such-package', ['no-unresolvable']],
];

/** The example tree's own packages. */
const DEPENDENCIES = ['valibot', '@aws-sdk/client-ecr', '@azure/identity', '@pulumi/pulumi'];
const DEV_DEPENDENCIES = ['vitest'];
const UNDECLARED = ['undeclared'];

function writeExample(folder: string): void {
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const versions = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '1.0.0']));
  const dependencies = versions(DEPENDENCIES);
  const devDependencies = versions(DEV_DEPENDENCIES);
  write('package.json', JSON.stringify({ name: 'example', type: 'module', dependencies, devDependencies }));
  for (const name of [...DEPENDENCIES, ...DEV_DEPENDENCIES, ...UNDECLARED]) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: './index.js' }));
    write(`node_modules/${name}/index.js`, 'export const it = 1;\n');
  }
  for (const [file, imports] of IMPORTS) {
    const [, type, path] = /^(type:)?(.*)$/.exec(imports) ?? [];
    write(
      file,
      `import ${type === undefined ? '' : 'type '}{ it as other } from '${path}';\nexport const it: typeof other = 1;\n`,
    );
  }
}

describe('the dependency rules', () => {
  const example = mkdtempSync(join(tmpdir(), 'pullgate-rules-'));
  let broken: ReadonlyMap<string, readonly string[]>;

  beforeAll(async () => {
    writeExample(example);
    const { modules } = await cruiseFolder(example);
    broken = new Map(
      modules.map(({ source, dependencies }) => {
        const rules = dependencies.flatMap((dependency) => dependency.rules ?? []).map(({ name }) => name);
        return [source, [...new Set(rules)].sort()];
      }),
    );
  });
  afterAll(() => rmSync(example, { recursive: true }));

  it.each(IMPORTS)('%s that imports %s breaks %j', (file, _imports, rules) => {
    expect(broken.get(file) ?? []).toEqual(rules);
  });

  it('bite, each with a bad example of its own', () => {
    const rules = forbidden.map(({ name }: { name: string }) => name);
    expect([...new Set(IMPORTS.flatMap(([, , broken]) => broken))].sort()).toEqual(rules.sort());
  });

  it('stop the check, as errors', () => {
    expect(forbidden.filter(({ severity }: { severity: string }) => severity !== 'error')).toEqual([]);
  });
});

describe('the project', () => {
  it('keeps the dependency rules, and is really looked at', async () => {
    const { modules, summary } = await cruiseFolder(project);
    const sources = modules.map(({ source }) => source);
    expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
    expect(sources).toContain('shared/reconcile/reconcile.ts');
    expect(sources).toContain('tests/repository/architecture.test.ts');
    // A TypeScript that dependency-cruiser does not know yields modules without imports, or none at all.
    const reconcile = modules.find(({ source }) => source === 'shared/reconcile/reconcile.ts');
    const imported = reconcile?.dependencies.map(({ resolved }) => resolved);
    expect(imported).toContain('shared/reconcile/apply.ts');
    expect(imported).toContain('shared/reconcile/ports.ts');
  });
});
