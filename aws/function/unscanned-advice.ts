// What to do about the images that Inspector does not scan.
import type { UnscannedAdvice } from '../../shared/report/unscanned-text.ts';

/** Source: https://docs.aws.amazon.com/inspector/v2/APIReference/API_ScanStatus.html */
const REASONS: Readonly<Record<string, string>> = {
  UNSUPPORTED_OS:
    'Inspector does not support the operating system, the architecture or the type of the manifest; build on a supported one',
  UNSUPPORTED_MEDIA_TYPE: 'Inspector does not support the media type; push images in a supported format',
  SCAN_ELIGIBILITY_EXPIRED:
    "Inspector's scan duration for images has passed; extend it in Inspector's settings for ECR, or delete the images",
  SCAN_FREQUENCY_MANUAL: "the registry's scanning rules leave the repository out; add it to continuous scanning",
  SCAN_FREQUENCY_SCAN_ON_PUSH:
    'they were scanned once, at their push, and never again; add the repository to continuous scanning',
  EXCLUDED_BY_TAG: 'a tag excludes them from scans; remove the tag',
  ACCESS_DENIED: 'a policy denies Inspector access; allow it',
  ACCESS_DENIED_TO_ENCRYPTION_KEY: 'the policy of the KMS key denies Inspector access; allow it',
  INTERNAL_ERROR: 'Inspector has an internal error, which it resolves by itself',
};

export const UNSCANNED_ADVICE: UnscannedAdvice = {
  explain: (reason) => REASONS[reason] ?? "see ScanStatus in Inspector's API reference",
  whatToDo:
    'Images that need no scan can be left out with `aws.repositories.exclude`. `aws.unscannedHours` sets how long an image may be unscanned.',
};
