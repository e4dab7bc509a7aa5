// Draws the next step of a scenario from those that are possible.
import { between, type Draw, oneOf, pick } from './draw.ts';
import type { Order, PlainPolicy, PlainRule, Step, TrueFinding, TrueImage, Truth, Vulnerability } from './truth.ts';

/** A short list: the program runs once for each policy, not once for each seed. */
const POLICIES: readonly PlainPolicy[] = [
  { threshold: 'high', unfixable: 'high', exploited: 'never', epss: 'never', images: 'tagged', excepted: [] },
  { threshold: 'critical', unfixable: 'never', exploited: 'medium', epss: 'never', images: 'tagged', excepted: [] },
  {
    threshold: 'high',
    unfixable: 'critical',
    exploited: 'never',
    epss: 'never',
    images: 'all',
    excepted: ['CVE-2026-1001'],
  },
  {
    threshold: 'medium',
    unfixable: 'critical',
    exploited: 'high',
    epss: 0.5,
    images: 'tagged',
    excepted: ['CVE-2026-1002'],
  },
];

export function policyFrom(draw: Draw): PlainPolicy {
  const policy = oneOf(draw('policy'), POLICIES);
  if (policy === undefined) throw new Error('there is no policy');
  return policy;
}

/** Short for the same reason. The first list enforces for one team, whatever the stack does. */
const RULES: readonly (readonly PlainRule[])[] = [
  [
    { repositories: ['team/app-0'], mode: 'enforce' },
    { repositories: ['team/**'], mode: 'audit' },
  ],
  [
    { repositories: ['team/app-1', 'team/app-2'], policy: { threshold: 'critical', exploited: 'never' } },
    { repositories: ['team/app-1', 'team/app-3'], mode: 'audit', policy: { images: 'all' } },
  ],
  [
    { repositories: ['team/app-0'], mode: 'audit', policy: { threshold: 'low' } },
    { repositories: ['team/**'], policy: { threshold: 'medium', unfixable: 'medium', images: 'all' } },
  ],
];

/** A third of the stacks have rules. */
export function rulesFrom(draw: Draw): readonly PlainRule[] {
  return (draw('hasRules') < 1 / 3 ? oneOf(draw('rules'), RULES) : undefined) ?? [];
}

/** What a step is drawn from. */
interface Choice {
  readonly truth: Truth;
  readonly vulnerabilities: readonly Vulnerability[];
  /** The repository that the burst concerns. Default: any. */
  readonly focus: string | undefined;
  /** How likely steps of people are: 1 in a long run, more in a short one. */
  readonly people: number;
}

/** Draws one of the steps that are possible now. */
export function nextStep(draw: Draw, { truth, vulnerabilities, focus, people }: Choice): Step {
  const images = [...truth.images.values()].filter(({ repository }) => focus === undefined || repository === focus);
  const present = images.filter((image) => image.present);
  const dangerous = [...truth.images.values()].filter((image) => image.present && isDangerous(image));
  const having = (status: TrueFinding['status']) =>
    present.flatMap(({ name, findings }) =>
      [...findings.values()].flatMap((one) =>
        one.status === status ? [{ image: name, vulnerability: one.vulnerability }] : [],
      ),
    );
  const any = <T>(list: readonly T[]): T | undefined => oneOf(draw('which'), list);
  const candidates: readonly (readonly [Step | undefined, number])[] = [
    [pushOf(any(images), draw), 20],
    [reportOf(any(present), oneOf(draw('vulnerability'), vulnerabilities)), 38],
    [named('vanish', any(having('active'))), 6],
    [named('fix', any(present)), 10],
    [about('suppress', any(having('active'))), 5],
    [about('unsuppress', any(having('suppressed'))), 3],
    [named('remove', any(having('active'))), 5],
    [about('replay', any([...having('active'), ...having('clean')])), 6],
    [at('edit', focus ?? any([...truth.repositories.keys()])), 4],
    [at('strip', any(dangerous)?.repository ?? focus), 4],
    [{ kind: 'policy', policy: policyFrom(draw) }, 0.5],
    [pushOf(any(present.filter(isForgottenDanger)), draw), 5],
    [override('open', any(dangerous.filter((image) => mayBeOrdered(image, truth))), draw), 3 * people],
    [override('closed', any(present.filter((image) => mayBeOrdered(image, truth))), draw), 2 * people],
    [pauseOf(any(dangerous), draw), 3 * people],
    [lossOf(any(dangerous)), 2 * people],
  ];
  const possible = candidates.flatMap(([step, weight]) => (step === undefined ? [] : [[step, weight] as const]));
  return pick(draw('kind'), possible);
}

function pushOf(image: TrueImage | undefined, draw: Draw): Step | undefined {
  if (image === undefined) return undefined;
  const { name, repository } = image;
  return { kind: 'push', image: name, repository, tag: `v${between(draw('tag'), 1, 2)}` };
}

function reportOf(image: TrueImage | undefined, vulnerability: Vulnerability | undefined): Step | undefined {
  if (image === undefined || vulnerability === undefined) return undefined;
  return { kind: 'report', image: image.name, vulnerability };
}

/** Its tag has moved away. If it comes back, it is dangerous again. */
function isForgottenDanger(image: TrueImage): boolean {
  return image.tags.size === 0 && isDangerous(image);
}

function isDangerous({ findings }: TrueImage): boolean {
  return [...findings.values()].some(({ status }) => status === 'active');
}

/** The commands refuse other images. */
function mayBeOrdered({ foreignLock, repository }: TrueImage, { repositories }: Truth): boolean {
  return !foreignLock && repositories.get(repository)?.included === true;
}

function override(order: Order, image: TrueImage | undefined, draw: Draw): Step | undefined {
  if (image === undefined) return undefined;
  return { kind: 'override', order, image: image.name, minutes: between(draw('for'), 60, 240) };
}

/** Sometimes a row cannot be read meanwhile. */
function pauseOf(image: TrueImage | undefined, draw: Draw): Step | undefined {
  if (image === undefined) return undefined;
  const unreadable = draw('unreadable') < 0.6 ? image.name : undefined;
  return { kind: 'pause', minutes: between(draw('for'), 30, 150), unreadable };
}

function lossOf(image: TrueImage | undefined): Step | undefined {
  return image === undefined ? undefined : { kind: 'lose', image: image.name };
}

function named(
  kind: 'vanish' | 'fix' | 'remove',
  one: { readonly name: string } | { readonly image: string } | undefined,
): Step | undefined {
  if (one === undefined) return undefined;
  return { kind, image: 'name' in one ? one.name : one.image };
}

function about(
  kind: 'suppress' | 'unsuppress' | 'replay',
  found: { readonly image: string; readonly vulnerability: Vulnerability } | undefined,
): Step | undefined {
  return found === undefined ? undefined : { kind, ...found };
}

function at(kind: 'edit' | 'strip', repository: string | undefined): Step | undefined {
  return repository === undefined ? undefined : { kind, repository };
}
