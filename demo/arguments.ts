// The arguments of `npm start` and its help text.
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { CLOUDS, type Cloud } from '../config/config.ts';

const WRONG_ARGUMENTS = 2;
const MAX_PORT = 65_535;

export interface Arguments {
  /** At least one. */
  readonly clouds: readonly Cloud[];
  /** Whether to serve the page instead of playing the story. */
  readonly isWatch: boolean;
  /** The port of the page; 0 picks a free one. */
  readonly port: number;
}

/** Parses the arguments. Prints the help and exits with 0, or prints the error and exits with 2. */
export function parseArguments(args: readonly string[]): Arguments {
  const command = new Command('npm start --')
    .description(
      'Shows what pullgate does with a vulnerable image, on local clouds: the real Pulumi program, the functions that it deploys, the real protocols. You do not need a cloud account.\n\nWithout options, it plays the story of one image in the terminal, step by step, and exits. With --watch, it keeps the clouds running and serves a page on which you push images, report findings and change the policy. Ctrl-C stops it and everything that it started.',
    )
    .addArgument(new Argument('[clouds...]', 'the clouds to run (default: all)').choices(CLOUDS))
    .addOption(new Option('--watch', 'serve a web page, on this machine only'))
    .addOption(new Option('--port <number>', 'port of the page (default: a free one)').argParser(parsePort))
    .helpOption('-h, --help', 'print this help')
    .addHelpText(
      'after',
      '\nExamples:\n  npm start\n  npm start -- aws\n  npm start -- --watch --port 8080\n\nExit codes: 0 on success, 1 if a step failed, 2 if an argument is invalid, 130 if the story was interrupted.',
    )
    .showHelpAfterError('Run `npm start -- --help` for usage.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : WRONG_ARGUMENTS))
    .parse(args, { from: 'user' });
  const { watch: isWatch = false, port } = command.opts<{ readonly watch?: boolean; readonly port?: number }>();
  if (port !== undefined && !isWatch) command.error('error: --port requires --watch');
  const named = CLOUDS.filter((name) => command.args.includes(name));
  return { clouds: named.length === 0 ? CLOUDS : named, isWatch, port: port ?? 0 };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > MAX_PORT)
    throw new InvalidArgumentError(`A port is a whole number from 0 to ${MAX_PORT}.`);
  return port;
}
