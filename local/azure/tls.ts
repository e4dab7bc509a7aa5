// The certificates of the local Azure: one that signs, and one for each host name that is asked for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { generate } from 'selfsigned';

export interface Certificates {
  /** PEM of the signing certificate. */
  readonly ca: string;
  /** For `SNICallback`: made when a host is asked for the first time. */
  readonly forHost: (host: string, answer: (error: Error | null, context?: SecureContext) => void) => void;
}

const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

let made: Promise<Certificates> | undefined;

/** The certificates of this process: its clouds share them, since to make them takes a third of a second. */
export function certificates(): Promise<Certificates> {
  made ??= createCertificates();
  return made;
}

async function createCertificates(): Promise<Certificates> {
  const signing = await generate([{ name: 'commonName', value: 'Local Azure' }], {
    ...KEY,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const contexts = new Map<string, Promise<SecureContext>>();
  const contextOf = async (host: string): Promise<SecureContext> => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'local' }], {
      ...KEY,
      ca: { key: signing.private, cert: signing.cert },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'keyUsage', digitalSignature: true },
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
      ],
    });
    return createSecureContext({ key, cert });
  };
  return {
    ca: signing.cert,
    forHost(host, answer) {
      const context = contexts.get(host) ?? contextOf(host);
      contexts.set(host, context);
      context.then(
        (made) => answer(null, made),
        (error: Error) => answer(error),
      );
    },
  };
}

const folders = new Set<string>();
// A process that exits while its cloud is still starting has nothing else that would remove the folder.
process.on('exit', () => {
  for (const folder of folders) removeFolder(folder);
});

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** A file with this text, for NODE_EXTRA_CA_CERTS. It is removed at the end of this process at the latest. */
export function writeCa(ca: string): { readonly file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'local-azure-'));
  folders.add(folder);
  const file = join(folder, 'ca.pem');
  writeFileSync(file, ca);
  return { file, remove: () => removeFolder(folder) };
}
