// Who may import whom, as the design's house has it. tests/architecture.test.ts proves that each rule bites.

/** Code that is deployed, or runs on the deployer's machine: everything but the local cloud, the command, the tests and the bench. */
const SHIPPED = '^(?:(?:index|config|bundle)[.]ts$|(?:shared|aws|azure)/)';
const FUNCTION = '^(aws|azure)/function/';
/** What a cloud has beside its function: the gate and its parts. */
const GATE = '^(aws|azure)/(?!function/)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'shared-imports-nothing-but-valibot',
      comment: 'The core is pure: no cloud SDK, no clock, no environment, no I/O.',
      severity: 'error',
      from: { path: '^shared/' },
      to: { pathNot: ['^shared/', '^node_modules/valibot/'] },
    },
    {
      name: 'function-imports-its-own-folder-and-shared',
      comment: 'What runs in the cloud knows the core and nothing else of the project.',
      severity: 'error',
      from: { path: FUNCTION },
      to: { dependencyTypes: ['local'], pathNot: ['^shared/', '^$1/function/'] },
    },
    {
      name: 'function-never-imports-pulumi',
      comment: "Pulumi runs on the deployer's machine only.",
      severity: 'error',
      from: { path: FUNCTION },
      to: { path: ['^node_modules/@pulumi/', '^@pulumi/'] },
    },
    {
      name: 'gate-never-imports-function-code',
      comment:
        'A gate names its function by the path that is bundled, so that deploying never loads what runs in the cloud.',
      severity: 'error',
      from: { path: ['^(?:index|config|bundle)[.]ts$', GATE] },
      to: { path: FUNCTION },
    },
    {
      name: 'gate-imports-bundle-config-and-shared',
      comment: 'index -> gate -> bundle, never backwards.',
      severity: 'error',
      from: { path: GATE },
      to: { dependencyTypes: ['local'], pathNot: ['^$1/', '^shared/', '^(?:bundle|config)[.]ts$'] },
    },
    {
      name: 'bundle-imports-nothing-of-the-project',
      comment: 'It turns any entry into an archive, and knows none.',
      severity: 'error',
      from: { path: '^bundle[.]ts$' },
      to: { dependencyTypes: ['local'] },
    },
    {
      name: 'config-imports-shared-only',
      comment: 'The config is checked before anything is built from it.',
      severity: 'error',
      from: { path: '^config[.]ts$' },
      to: { dependencyTypes: ['local'], pathNot: '^shared/' },
    },
    {
      name: 'aws-never-meets-azure',
      comment: 'The clouds meet in the core only.',
      severity: 'error',
      from: { path: '^(?:local/)?aws/' },
      to: { path: ['^(?:local/)?azure/', '^node_modules/@azure/', '^node_modules/@pulumi/azure'] },
    },
    {
      name: 'azure-never-meets-aws',
      comment: 'The clouds meet in the core only.',
      severity: 'error',
      from: { path: '^(?:local/)?azure/' },
      to: { path: ['^(?:local/)?aws/', '^node_modules/@aws-sdk/', '^node_modules/@pulumi/aws'] },
    },
    {
      name: 'shipped-never-imports-what-is-not',
      comment: 'The code under test does not know of the local cloud, and nothing deployed depends on a test.',
      severity: 'error',
      from: { path: SHIPPED },
      to: { path: '^(?:local|tests|bench|cli)/' },
    },
    {
      name: 'shipped-imports-declared-dependencies-only',
      comment: 'No dev dependency, and no package that is there by chance. Types alone are erased.',
      severity: 'error',
      from: { path: [SHIPPED, '^cli/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycle',
      comment: 'Modules that need each other are one module. Types alone are erased, and may name each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere is also one that no other rule can see.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:coverage|tests/events)/' },
    // Types count too: a rule that `import type` gets around is none.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
