// Reads the reports of Trivy and Grype: a document is one image, and may say which only at its end.
import type * as v from 'valibot';
import type { Finding } from '../../shared/finding.ts';
import { check, describeProblem } from '../../shared/problem.ts';
import { UsageError } from '../ending.ts';
import type { DocumentReader } from './documents.ts';
import type { Gathering, ReportedImage } from './gathering.ts';
import { grypeFinding, grypeImage, grypeMatch, grypeSource } from './grype.ts';
import { type Packed, unpack } from './packed.ts';
import { trivyFinding, trivyImage, trivyMetadata, trivyModified, trivyVulnerability } from './trivy.ts';

/** Gathers a document's findings until it is known which image they are of. */
function oneImage(gathering: Gathering) {
  let findings: Packed[] = [];
  return {
    add: (finding: Finding) => void findings.push(gathering.keep(finding)),
    end(image: ReportedImage) {
      const gathered = gathering.image(image);
      for (const finding of findings) gathering.add(gathered, unpack(finding));
      findings = [];
    },
  };
}

/** Source: https://trivy.dev/latest/docs/configuration/reporting/#json */
export function trivyReader(gathering: Gathering, name: string): DocumentReader {
  const image = oneImage(gathering);
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
        // It may be a misconfiguration or a secret, too.
        if (type === 'vulnerability')
          image.add(trivyFinding(checked(trivyVulnerability, found, 'Finding', name), true));
        return;
      }
      const finding = checked(trivyVulnerability, value, 'Vulnerabilities[]', name);
      if (finding.Status === 'not_affected') gathering.leaveOut('not affected');
      else image.add(trivyFinding(finding, false));
    },
    endDocument(keys) {
      if (!keys.has('SchemaVersion')) throw goesOn(name, 'Trivy', 'SchemaVersion');
      image.end(trivyImage(artifact, metadata));
      artifact = '';
      metadata = {};
    },
  };
}

/** Source: https://github.com/anchore/grype/tree/main/schema/grype/json */
export function grypeReader(gathering: Gathering, name: string): DocumentReader {
  const image = oneImage(gathering);
  let source: v.InferOutput<typeof grypeSource>;
  return {
    paths: ['$.source', '$.matches.*', '$.ignoredMatches.*'],
    take(value, key, depth) {
      if (depth === 1 && key === 'source') source = checked(grypeSource, value, 'source', name);
      else image.add(grypeFinding(checked(grypeMatch, value, 'matches[]', name)));
    },
    endDocument(keys) {
      if (!keys.has('matches')) throw goesOn(name, 'Grype', 'matches');
      image.end(grypeImage(source));
      source = undefined;
    },
  };
}

function isModified(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'Finding' in value;
}

function goesOn(name: string, tool: string, key: string): UsageError {
  return new UsageError(`${name} begins as a report of ${tool} and goes on with a document without "${key}"`);
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
