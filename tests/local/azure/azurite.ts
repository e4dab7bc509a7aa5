// Microsoft's emulator of the storage services, in processes of its own, under the same names as the local Azure's.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import type { TokenCredential } from '@azure/core-auth';
import { generate } from 'selfsigned';

export interface Azurite {
  readonly options: { readonly agent: Agent };
  readonly credential: TokenCredential;
  stop(): void;
}

const ACCOUNT = 'store';
const MANIFEST = createRequire(import.meta.url).resolve('azurite/package.json');

/** Starts the queue and the table service of the account `store`, in memory, with HTTPS and bearer tokens. */
export async function startAzurite(): Promise<Azurite> {
  const folder = mkdtempSync(join(tmpdir(), 'azurite-'));
  const hosts = ['queue', 'table'].map((service) => `${ACCOUNT}.${service}.core.windows.net`);
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'azurite' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })) }],
  });
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  const [queue, table] = await Promise.all([start(folder, 'queue'), start(folder, 'table')]);
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = ({ host }) => {
    const { port } = host?.includes('.queue.') ? queue : table;
    return connect({ host: '127.0.0.1', port, servername: host ?? '', ca: cert });
  };
  return {
    options: { agent },
    credential: {
      getToken: () => Promise.resolve({ token: bearerToken(), expiresOnTimestamp: Date.now() + 3_600_000 }),
    },
    stop() {
      agent.destroy();
      for (const { child } of [queue, table]) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, service: 'queue' | 'table'): Promise<{ child: ChildProcess; port: number }> {
  const { bin } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { bin: Readonly<Record<string, string>> };
  const port = await freePort();
  const main = join(dirname(MANIFEST), bin[`azurite-${service}`] ?? '');
  const place = [`--${service}Host`, '127.0.0.1', `--${service}Port`, String(port)];
  const tls = ['--cert', 'cert.pem', '--key', 'key.pem', '--oauth', 'basic'];
  const child = spawn(
    process.execPath,
    [main, ...place, ...tls, '--inMemoryPersistence', '--disableTelemetry', '--silent'],
    {
      cwd: folder,
      env: { AZURITE_ACCOUNTS: `${ACCOUNT}:${Buffer.from('unused').toString('base64')}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on(
      'line',
      (line) => /successfully (?:started|listens)/.test(line) && resolve(),
    );
    child.once('exit', (code) =>
      reject(new Error(`azurite's ${service} service ended with ${code} before it started`)),
    );
  });
  return { child, port };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** A token with the claims that azurite checks. It checks no signature and no role. */
function bearerToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: 'https://sts.windows.net/local/',
    iat: now,
    nbf: now,
    exp: now + 3600,
  };
  const parts = [{ alg: 'none', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return [...parts, ''].join('.');
}
