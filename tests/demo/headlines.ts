// The headlines of the story that `npm start` plays, in order.

export const HEADLINES = [
  '`pulumi up` deploys the stack',
  'CI pushes shop/checkout:1.0, and production pulls it',
  'The scanner reports a finding, and the gate closes',
  'The same pull is refused',
  'CI can still push the fix',
  'The finding disappears without proof, and the gate stays closed',
  'There is proof that the vulnerability is gone, and the gate opens',
  'Another image has the same vulnerability, and an exception opens its gate',
];
