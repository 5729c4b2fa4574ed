const STEP = 64;
const MAX = 2048;

export const SIZE_RULE = `a multiple of ${STEP} from ${STEP} to ${MAX}`;

/** Whether `size` is a valid encoder input size in pixels. */
export function isSize(size: number): boolean {
  return (
    Number.isInteger(size) && size % STEP === 0 && size >= STEP && size <= MAX
  );
}
