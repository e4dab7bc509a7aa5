// One run's world on the local AWS: repositories with the teams' own policies, images, and Inspector's findings.
import type { BusEvent } from '../../local/aws/bus-event.ts';
import type { LocalAws } from '../../local/aws/cloud.ts';
import type { Advisory } from '../../local/aws/inspector-finding.ts';
import type { Clock } from '../../local/clock.ts';
import { STALE_MILLISECONDS } from './fates.ts';
import type { PlainPolicy, TrueRepository, Truth, Vulnerability, WorldStep } from './truth.ts';

export interface AwsWorld {
  /** The names of images by their digests. */
  readonly names: ReadonlyMap<string, string>;
  /** Performs a step, with its events. */
  happen(step: WorldStep): Promise<void>;
  /** The repository and the digest of an image. */
  imageOf(image: string): { readonly repository: string; readonly digest: string };
  /** The repositories that pullgate has closed. */
  closed(): ReadonlySet<string>;
  damage(): readonly string[];
  /** The team's tooling writes the policy without our statement. */
  strip(repository: string): void;
}

/** @param deploy runs `pulumi up` with another policy */
export function awsWorldOf(
  cloud: LocalAws,
  truth: Truth,
  clock: Clock,
  deploy: (policy: PlainPolicy) => Promise<void>,
): AwsWorld {
  const digests = new Map<string, string>();
  const names = new Map<string, string>();
  const arns = new Map<string, string>();
  const events = new Map<string, BusEvent>();
  const editCounts = new Map([...truth.repositories.keys()].map((name) => [name, 0]));
  for (const repository of truth.repositories.values())
    cloud.ecr.createRepository(repository.name, policyOption(foreignPolicy(repository, 0)));

  const imageOf = (name: string) => {
    const image = truth.images.get(name);
    const digest = digests.get(name);
    if (image === undefined || digest === undefined) throw new Error(`${name} was never pushed`);
    return { repository: image.repository, digest };
  };
  const arnOf = (image: string, { id }: Vulnerability) => arns.get(`${image} ${id}`) ?? '';
  const arnsOf = (image: string) => [...arns].flatMap(([key, arn]) => (key.startsWith(`${image} `) ? [arn] : []));
  const repositoryOf = (name: string): TrueRepository => {
    const found = truth.repositories.get(name);
    if (found === undefined) throw new Error(`there is no repository ${name}`);
    return found;
  };
  const foreignOf = (name: string) => foreignPolicy(repositoryOf(name), editCounts.get(name) ?? 0);

  /**
   * Moves the clock, so that every earlier answer is too old for a stale read: the old policy after an edit, because a
   * worker that reads it and then writes reverts the edit (docs/limits.md); and the old findings after a suppression
   * ends.
   */
  const outlastStaleReads = () => clock.advance(STALE_MILLISECONDS + 1);

  async function happen(given: WorldStep): Promise<void> {
    switch (given.kind) {
      case 'push': {
        const digest = await cloud.ecr.pushImage(given.repository, { tag: given.tag, content: given.image });
        if (!digests.has(given.image)) cloud.inspector.scanned(given.repository, digest);
        digests.set(given.image, digest);
        names.set(digest, given.image);
        return;
      }
      case 'report': {
        const arn = await cloud.inspector.report(imageOf(given.image), advisoryOf(given.vulnerability));
        const key = `${given.image} ${given.vulnerability.id}`;
        arns.set(key, arn);
        events.set(key, cloud.inspector.eventOf(arn));
        return;
      }
      case 'vanish': {
        const { repository, digest } = imageOf(given.image);
        const statusCode = 'INACTIVE';
        cloud.inspector.cover({ repository, digest, statusCode, reason: 'SCAN_ELIGIBILITY_EXPIRED' });
        for (const arn of arnsOf(given.image))
          if (cloud.inspector.finding(arn)?.status === 'ACTIVE') await cloud.inspector.setStatus(arn, 'CLOSED');
        return;
      }
      case 'fix': {
        const { repository, digest } = imageOf(given.image);
        cloud.inspector.scanned(repository, digest);
        for (const arn of arnsOf(given.image)) await cloud.inspector.setStatus(arn, 'CLOSED');
        return;
      }
      case 'suppress':
        return cloud.inspector.setStatus(arnOf(given.image, given.vulnerability), 'SUPPRESSED');
      case 'unsuppress':
        await cloud.inspector.setStatus(arnOf(given.image, given.vulnerability), 'ACTIVE');
        return outlastStaleReads();
      case 'remove': {
        const { repository, digest } = imageOf(given.image);
        return cloud.ecr.deleteImage(repository, digest);
      }
      case 'replay': {
        const event = events.get(`${given.image} ${given.vulnerability.id}`);
        if (event !== undefined) await cloud.bus.put(event);
        return;
      }
      case 'edit': {
        const repository = cloud.ecr.repository(given.repository);
        const count = editCounts.get(given.repository) ?? 0;
        const before = teamStatement(repositoryOf(given.repository), count);
        editCounts.set(given.repository, count + 1);
        const after = teamStatement(repositoryOf(given.repository), count + 1);
        repository.policyText = repository.policyText?.replace(before, after);
        return outlastStaleReads();
      }
      case 'strip':
        strip(given.repository);
        return outlastStaleReads();
      case 'policy':
        return deploy(given.policy);
    }
  }

  function strip(name: string): void {
    cloud.ecr.repository(name).policyText = foreignOf(name);
  }

  function damageTo(name: string, text: string | undefined): readonly string[] {
    const foreign = foreignOf(name);
    if (!isOurs(text ?? '')) return text === foreign ? [] : [`${name}: the policy was ${foreign} and is ${text}`];
    const statement = foreign === undefined ? '' : teamStatement(repositoryOf(name), editCounts.get(name) ?? 0);
    return text?.includes(statement) === true ? [] : [`${name}: the team's statement ${statement} is not in ${text}`];
  }
  const textOf = (name: string) => cloud.ecr.repository(name).policyText;
  return {
    names,
    happen,
    imageOf,
    strip,
    closed: () => new Set([...truth.repositories.keys()].filter((name) => isOurs(textOf(name) ?? ''))),
    damage: () => [...truth.repositories.keys()].flatMap((name) => damageTo(name, textOf(name))),
  };
}

function isOurs(policy: string): boolean {
  return policy.includes('"Sid":"Pullgate');
}

/** The team's own statement, with the irregular spacing of a handwritten policy. */
function teamStatement({ name }: TrueRepository, edits: number): string {
  return `{ "Sid" :"${name.replaceAll(/\W/g, '')}${edits}",  "Effect":"Allow", "Principal": {"AWS":"arn:aws:iam::210987654321:root"},\n "Action":["ecr:BatchGetImage",   "ecr:DescribeImages"] }`;
}

/** The team's own policy. Every third repository has none, unless it serves Lambda functions. */
function foreignPolicy(repository: TrueRepository, edits: number): string | undefined {
  const { name, servesLambda } = repository;
  if (Number(name.split('-').at(-1)) % 3 === 2 && !servesLambda) return undefined;
  const lambda =
    '{"Sid":"Lambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage"}';
  const statements = [teamStatement(repository, edits), ...(servesLambda ? [lambda] : [])];
  return `{"Version":"2012-10-17",\n   "Statement":[ ${statements.join(' , ')} ]}`;
}

function policyOption(policyText: string | undefined): { readonly policyText?: string } {
  return policyText === undefined ? {} : { policyText };
}

function advisoryOf({ id, severity, score, fixable, exploited, epss }: Vulnerability): Advisory {
  return {
    vulnerability: id,
    severity: severity?.toUpperCase() ?? 'UNTRIAGED',
    packages: [{ name: `package-of-${id}`, version: '1.0.0', ...(fixable ? { fixedInVersion: '1.0.1' } : {}) }],
    fixAvailable: fixable ? 'YES' : 'NO',
    exploitAvailable: exploited ? 'YES' : 'NO',
    ...(epss === undefined ? {} : { epss }),
    cvss: [{ baseScore: score, version: '3.1' }],
  };
}
