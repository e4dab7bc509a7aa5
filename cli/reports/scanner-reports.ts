// Reads reports of Trivy and Grype. A document describes one image, but may name it only at the end.
import type * as v from 'valibot';
import type { Finding } from '../../shared/policy/finding.ts';
import { check, describeProblem } from '../../shared/runtime/problem.ts';
import { UsageError } from '../terminal/ending.ts';
import { type DocumentReader, mustBeList, type ReportInput } from './documents.ts';
import { AWS_ACCOUNT, type Gathering, LEFT_OUT, type ReportedImage } from './gathering.ts';
import { grypeFinding, grypeImage, grypeMatch, grypeSource } from './grype.ts';
import { type Packed, unpack } from './packed.ts';
import { instantOf, trivyFinding, trivyImage, trivyMetadata, trivyModified, trivyVulnerability } from './trivy.ts';

/** Gathers the findings of a document until its end shows which image they belong to, if any. */
function oneImage(gathering: Gathering, includes: ReportInput['includes']) {
  let findings: Packed[] = [];
  return {
    add: (finding: Finding) => void findings.push(gathering.keep(finding)),
    /** @param image undefined if something else was scanned */
    end(image: ReportedImage | undefined) {
      const why = image === undefined ? NO_IMAGE : isLeftOut(image) ? LEFT_OUT : undefined;
      if (image !== undefined && why === undefined) {
        const gathered = gathering.image(image);
        for (const finding of findings) gathering.add(gathered, unpack(finding));
      } else if (why !== undefined) {
        // A report without findings is still one entry that was left out.
        gathering.leaveOut(why, Math.max(1, findings.length));
      }
      findings = [];
    },
  };

  function isLeftOut({ registry, repository }: ReportedImage): boolean {
    if (AWS_ACCOUNT.test(registry)) return !includes.aws(repository);
    return ACR_HOST.test(registry) && !includes.azure(repository);
  }
}

/** Images of other registries are never left out. */
const ACR_HOST = /[.]azurecr[.](?:io|cn|us)$/i;
const NO_IMAGE = 'not for a container image';

/**
 * The type of a container image. Other types are file systems, source repositories and bills of materials.
 * Source: https://github.com/aquasecurity/trivy/blob/main/pkg/fanal/types/artifact.go
 */
const TRIVY_IMAGE = 'container_image';
/** Source: https://github.com/anchore/grype/blob/main/grype/presenter/models/source.go */
const GRYPE_IMAGE = 'image';

/** Source: https://trivy.dev/latest/docs/configuration/reporting/#json */
export function trivyReader({ gathering, name, includes }: ReportInput): DocumentReader {
  const image = oneImage(gathering, includes);
  let artifact = '';
  let metadata: v.InferOutput<typeof trivyMetadata> = {};
  return {
    paths: [
      '$.ArtifactName',
      '$.Metadata',
      '$.Results.*.Vulnerabilities.*',
      '$.Results.*.ExperimentalModifiedFindings.*',
    ],
    take(value, key, depth) {
      if (depth === 1) {
        if (key === 'ArtifactName') artifact = String(value);
        else metadata = checked(trivyMetadata, value, 'Metadata', name);
        return;
      }
      if (isModified(value)) {
        const { Finding: found, Type: type } = checked(trivyModified, value, 'ExperimentalModifiedFindings[]', name);
        // It may also be a misconfiguration or a secret.
        if (type === 'vulnerability')
          image.add(trivyFinding(checked(trivyVulnerability, found, 'Finding', name), true));
        return;
      }
      const finding = checked(trivyVulnerability, value, 'Vulnerabilities[]', name);
      const date = finding.PublishedDate ?? '';
      if (date !== '' && instantOf(date) === undefined) gathering.unreadDate(date);
      if (finding.Status === 'not_affected') gathering.leaveOut('not affected');
      else image.add(trivyFinding(finding, false));
    },
    endDocument(document) {
      if (!document.has('SchemaVersion')) throw goesOn(name, 'Trivy', 'SchemaVersion');
      // Without findings, Trivy omits the list, and older versions write null.
      mustBeList(name, document, 'Results', { mayBeNull: true });
      const type = document.get('ArtifactType') ?? TRIVY_IMAGE;
      // The bill of materials of an image names the image, too.
      image.end(trivyImage(type === TRIVY_IMAGE ? artifact : undefined, metadata));
      artifact = '';
      metadata = {};
    },
  };
}

/** Source: https://github.com/anchore/grype/tree/main/schema/grype/json */
export function grypeReader({ gathering, name, includes }: ReportInput): DocumentReader {
  const image = oneImage(gathering, includes);
  let source: v.InferOutput<typeof grypeSource>;
  return {
    paths: ['$.source', '$.matches.*', '$.ignoredMatches.*'],
    take(value, key, depth) {
      if (depth === 1 && key === 'source') source = checked(grypeSource, value, 'source', name);
      else image.add(grypeFinding(checked(grypeMatch, value, 'matches[]', name)));
    },
    endDocument(document) {
      if (!document.has('matches')) throw goesOn(name, 'Grype', 'matches');
      mustBeList(name, document, 'matches');
      image.end((source?.type ?? GRYPE_IMAGE) === GRYPE_IMAGE ? grypeImage(source) : undefined);
      source = undefined;
    },
  };
}

function isModified(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'Finding' in value;
}

function goesOn(name: string, tool: string, key: string): UsageError {
  return new UsageError(`${name} begins with a report of ${tool} but contains a document without "${key}"`);
}

function checked<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  where: string,
  name: string,
): v.InferOutput<Schema> {
  const result = check(schema, value, where);
  if (result.ok) return result.value;
  throw new UsageError(`${name}: ${result.problems.map(describeProblem).join('; ')}`);
}
