const STEP = 64;
const MAX = 2048;

export const SIZE_RULE = `a multiple of ${STEP} from ${STEP} to ${MAX}`;

/** Whether the encoder takes pictures of that side. */
export function isSize(side: number): boolean {
  return (
    Number.isInteger(side) && side % STEP === 0 && side >= STEP && side <= MAX
  );
}
