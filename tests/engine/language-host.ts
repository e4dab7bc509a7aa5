// A language host for a Pulumi CLI that comes without one: it starts the program with the SDK's own runner.
// Usage: node language-host.ts [FLAGS] ENGINE_ADDRESS. It prints the port on which it serves LanguageRuntime:
// https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import services from '@pulumi/pulumi/proto/language_grpc_pb.js';
import messages from '@pulumi/pulumi/proto/language_pb.js';
import plugins from '@pulumi/pulumi/proto/plugin_pb.js';

/**
 * The runner's exit code if it has shown the error itself. Source:
 * https://github.com/pulumi/pulumi/blob/master/sdk/nodejs/cmd/run/index.ts
 */
const ERROR_SHOWN = 32;

type Request = InstanceType<typeof messages.RunRequest>;

const engine = process.argv.slice(2).findLast((word) => !word.startsWith('-')) ?? '';

/** Runs the program to its end, as Pulumi's own language host does. */
async function run(request: Request): Promise<InstanceType<typeof messages.RunResponse>> {
  const folder = request.getInfo()?.getProgramDirectory() ?? '';
  const options = request.getInfo()?.getOptions()?.toJavaScript() ?? {};
  const runner = createRequire(join(folder, 'package.json')).resolve('@pulumi/pulumi/cmd/run');
  const child = spawn(process.execPath, [runner, ...flags(request, folder), '.'], {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(configOf(request)),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
      PULUMI_NODEJS_TYPESCRIPT: String(options['typescript']),
    },
  });
  const [code] = await once(child, 'exit');
  const response = new messages.RunResponse();
  if (code === ERROR_SHOWN) response.setBail(true);
  else if (code !== 0) response.setError(`the program exited with ${code}`);
  return response;
}

function flags(request: Request, folder: string): readonly string[] {
  const values = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    'root-directory': folder,
    stack: request.getStack(),
    pwd: folder,
    parallel: request.getParallel(),
  };
  const given = Object.entries(values).map(([name, value]) => `--${name}=${value}`);
  return request.getDryrun() ? [...given, '--dry-run'] : given;
}

/** The config as the runner reads it: `pullgate:config:mode` for the key `pullgate:mode`. */
function configOf(request: Request): Readonly<Record<string, string>> {
  const entries = request.getConfigMap().toArray() as [string, string][];
  return Object.fromEntries(entries.map(([key, value]) => [key.replace(':', ':config:'), value]));
}

const server = new grpc.Server();
server.addService(services.LanguageRuntimeService, {
  getPluginInfo: (_call: unknown, answer: grpc.sendUnaryData<unknown>) => answer(null, new plugins.PluginInfo()),
  // The program asks for each plugin with the first resource of its package.
  getRequiredPackages: (_call: unknown, answer: grpc.sendUnaryData<unknown>) =>
    answer(null, new messages.GetRequiredPackagesResponse()),
  run: ({ request }: { readonly request: Request }, answer: grpc.sendUnaryData<unknown>) =>
    run(request).then(
      (response) => answer(null, response),
      (error) => answer(error),
    ),
});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
