// Says which fix a closed repository blocks, and the commands that let it out.
import type { BlockedFix, TaggedImage } from '../gate/blocked-fix.ts';
import type { Gate } from '../gate/gate.ts';
import type { Policy } from '../policy/policy.ts';
import { overrideCommand } from './advice.ts';
import { counted, describeBlockedFix, tagOf } from './sentences.ts';

/** The commands of a cloud that remove images. Each takes the repository as image names have it (`BlockedFix`). */
export interface RemovalCommands {
  delete(gate: Gate, repository: string, digest: string): string;
  /** Not given if the registry deletes an image together with its last tag: nothing is gained then. */
  untag?(gate: Gate, repository: string, tag: string): string;
}

/** What decides which commands let a fix out. */
export interface RemedyContext {
  /** The policy's `images`. With `all`, an image that has lost its tags still counts. */
  readonly images: Policy['images'];
  readonly removal: RemovalCommands;
}

/** The lines about a fix in a notice or an answer: what is blocked by what, and what lets it out. */
export function remedyLines(gate: Gate, blocked: BlockedFix, context: RemedyContext): readonly string[] {
  const { fix, blockedBy, moreBlockedBy } = blocked;
  const commands = blockedBy.flatMap((image) => commandsFor(gate, blocked, image, context));
  return [
    `The fix ${nameOf(fix)} is ready: it was pushed after every image that keeps the repository closed, and no finding in it violates the policy. But ${describeBlockedFix(blocked)}. No gate opens by itself for a fix. To let it out:`,
    `  - ${removing(blocked, context)}:`,
    ...commands.map((command) => `      ${command}`),
    ...(moreBlockedBy === 0 ? [] : [`      and the same for ${counted(moreBlockedBy, 'more image')}`]),
    `  - Or, while the fix rolls out, run \`${overrideFor(blocked)}\`.`,
  ];
}

/** The same as one sentence without the full stop. */
export function describeRemedy(gate: Gate, blocked: BlockedFix, context: RemedyContext): string {
  const [first, ...others] = blocked.blockedBy.flatMap((image) => commandsFor(gate, blocked, image, context));
  const more = others.length + blocked.moreBlockedBy === 0 ? '' : ' and so on';
  const how = `${removing(blocked, context).replace(/^D/, 'd')} (\`${first}\`${more})`;
  return `${describeBlockedFix(blocked)}: ${how}, or \`${overrideFor(blocked)}\` while it rolls out`;
}

function nameOf(image: TaggedImage): string {
  return `${tagOf(image)} (${image.digest})`;
}

function removing({ blockedBy, moreBlockedBy }: BlockedFix, { images, removal }: RemedyContext): string {
  const more = moreBlockedBy === 0 ? '' : ` and ${counted(moreBlockedBy, 'more image')}`;
  const mayBeUntagged =
    images === 'tagged' && removal.untag !== undefined && blockedBy.some(({ tags }) => tags.length > 0);
  return `Delete${mayBeUntagged ? ' or untag' : ''} ${blockedBy.map(tagOf).join(', ')}${more}`;
}

function commandsFor(
  gate: Gate,
  { repository }: BlockedFix,
  { digest, tags }: TaggedImage,
  { images, removal }: RemedyContext,
): readonly string[] {
  const untag = images === 'tagged' ? tags.flatMap((tag) => removal.untag?.(gate, repository, tag) ?? []) : [];
  return [removal.delete(gate, repository, digest), ...(untag.length === 0 ? [] : [`or: ${untag.join(' && ')}`])];
}

/**
 * The override applies to the whole repository. The command names the fix by tag, which people recognize, or by digest
 * if it has none.
 */
function overrideFor({ repository, fix: { digest, tags } }: BlockedFix): string {
  const [tag] = tags;
  return overrideCommand(`${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`);
}
