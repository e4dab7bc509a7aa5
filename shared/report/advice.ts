// What people can do about a closed gate. Notices and `pullgate why` give the same advice.
import { MAX_OVERRIDE_HOURS } from '../gate/override.ts';
import type { Policy } from '../policy/policy.ts';

/** What decides which advice is right. */
export interface AdviceSubject {
  /** The gate is one image. */
  readonly isImage: boolean;
  /** The policy's `images`. With `all`, an image that has lost its tag still counts. */
  readonly images: Policy['images'];
}

/** What to do with a fix, as a clause. */
export function adviseFix({ isImage, images }: AdviceSubject): string {
  if (isImage) return 'push the fixed image and deploy it: only the image above is blocked';
  return images === 'all'
    ? 'push the fixed images. Then delete the images above, because the policy (images: all) also evaluates untagged images'
    : 'push the fixed images under the same tags, or delete the images above';
}

/** The command that opens a gate by an override. */
export function overrideCommand(image: string): string {
  return `pullgate override open ${image} --for 4h --reason TEXT --approved-by NAME`;
}

/** How to open the gate for a while, whatever its findings, as a clause. */
export function adviseOverride(image: string): string {
  return `run \`${overrideCommand(image)}\`, which keeps it open for at most ${MAX_OVERRIDE_HOURS} hours`;
}
