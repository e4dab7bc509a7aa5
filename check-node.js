// Reports that this Node.js is too old, before a TypeScript file fails with a syntax error. Written in old JavaScript
// so that any version can run it.
var needed = [22, 18];
var version = process.versions.node.split('.').map(Number);
if (version[0] < needed[0] || (version[0] === needed[0] && version[1] < needed[1])) {
  console.error(
    'pullgate needs Node ' +
      needed.join('.') +
      ' or newer, but this is ' +
      process.version +
      ' on ' +
      process.platform +
      '-' +
      process.arch +
      '.\n' +
      'On Linux (x64, arm64) the project includes Node 24: run `npm ci` without --omit=optional and use the npm scripts.\n' +
      'On other systems, install Node 24 (https://nodejs.org).',
  );
  process.exit(1);
}
