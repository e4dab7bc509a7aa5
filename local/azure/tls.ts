// The certificates of the local Azure: one that signs, and one for each requested host name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { generate } from 'selfsigned';

export interface Certificates {
  /** The PEM of the signing certificate. */
  readonly ca: string;
  /** For `SNICallback`: a host's certificate is created on its first request. */
  readonly forHost: (host: string, answer: (error: Error | null, context?: SecureContext) => void) => void;
}

const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

let made: Promise<Certificates> | undefined;

/** The certificates of this process. Its clouds share them, because creating them takes a third of a second. */
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
// Removes the folder if the process exits while its cloud is still starting; nothing else would.
process.on('exit', () => {
  for (const folder of folders) removeFolder(folder);
});

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}

/** Writes a file with this text, for NODE_EXTRA_CA_CERTS. It is removed at the latest when this process ends. */
export function writeCa(ca: string): { readonly file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'local-azure-'));
  folders.add(folder);
  const file = join(folder, 'ca.pem');
  writeFileSync(file, ca);
  return { file, remove: () => removeFolder(folder) };
}
