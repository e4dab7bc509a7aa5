// Says clearly that this Node is too old, before a TypeScript file fails with a syntax error. Plain old JavaScript on purpose.
var needed = [22, 18];
var version = process.versions.node.split('.').map(Number);
if (version[0] < needed[0] || (version[0] === needed[0] && version[1] < needed[1])) {
  console.error(
    'pullgate needs Node ' +
      needed.join('.') +
      ' or newer; this is ' +
      process.version +
      ' on ' +
      process.platform +
      '-' +
      process.arch +
      '.\n' +
      'On Linux (x64, arm64) the project brings its own: run `npm ci` without --omit=optional and start through npm scripts.\n' +
      'Elsewhere install Node 24 (https://nodejs.org).',
  );
  process.exit(1);
}
