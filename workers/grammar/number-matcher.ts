/** Largest number of digits before the decimal point. */
const MAX_DIGITS = 15;
/** A number that is not whole may have this many decimals, or one more than the
 * numbers in its schema, if that is more. */
const MIN_DECIMALS = 6;
const BEYOND = 10 ** MAX_DIGITS;

type Schema = Readonly<Record<string, unknown>>;

export interface NumberMatcher {
  /** Whether the text is an allowed number or the beginning of one. */
  isPrefix(text: string): boolean;
  /** Whether the text is an allowed number. */
  matches(text: string): boolean;
}

/** Matches numbers without an exponent that a schema allows. Values are integers in
 * units of the last decimal, which avoids rounding. */
export function numberMatcher(schema: Schema): NumberMatcher {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const { multipleOf } = schema;
  const types = [schema["type"]].flat();
  const whole = types.includes("integer") && !types.includes("number");
  const named = [minimum, maximum, exclusiveMinimum, exclusiveMaximum];
  const most = Math.max(...named.map(decimalsOf), decimalsOf(multipleOf));
  const decimals = whole ? 0 : Math.max(MIN_DECIMALS, most + 1);
  const scale = Math.max(decimals, most);
  const units = (value: unknown): bigint | undefined => {
    if (typeof value !== "number") return undefined;
    // Values with more digits than MAX_DIGITS are equal to the limit.
    const near = Math.min(Math.max(value, -BEYOND), BEYOND);
    return BigInt(near.toFixed(scale).replace(".", ""));
  };
  const above = units(exclusiveMinimum);
  const below = units(exclusiveMaximum);
  const least = larger(
    units(minimum),
    above === undefined ? above : above + 1n,
  );
  const last = smaller(
    units(maximum),
    below === undefined ? below : below - 1n,
  );
  const step = units(multipleOf) ?? 0n;

  /** Whether an allowed number lies between these. */
  const between = (sign: string, low: bigint, high: bigint): boolean => {
    const shift = 10n ** BigInt(scale - decimals);
    const [from, to] = [low * shift, high * shift];
    const [small, large] = sign === "-" ? [-to, -from] : [from, to];
    const start = larger(least, small) ?? small;
    const end = smaller(last, large) ?? large;
    if (start > end) return false;
    if (step <= 0n) return true;
    const rest = ((end % step) + step) % step;
    return end - rest >= start;
  };
  const read = (text: string) => {
    const match = /^(-?)(|0|[1-9]\d*)(?:\.(\d*))?$/.exec(text);
    if (match === null) return undefined;
    const [, sign = "", digits = "", fraction] = match;
    const point = fraction !== undefined;
    if (digits.length > MAX_DIGITS || (point && digits === ""))
      return undefined;
    if (point && (decimals === 0 || fraction.length > decimals))
      return undefined;
    return { sign, digits, fraction };
  };
  return {
    isPrefix(text) {
      const parts = read(text);
      if (parts === undefined) return false;
      const { sign, digits, fraction } = parts;
      return completionRanges(digits, fraction, decimals).some(([low, high]) =>
        between(sign, low, high),
      );
    },
    /** Whether the text is an allowed number. */
    matches(text) {
      const whole = read(text);
      if (whole === undefined) return false;
      const { sign, digits, fraction } = whole;
      if (digits === "" || fraction === "") return false;
      const value = BigInt(digits + (fraction ?? "").padEnd(decimals, "0"));
      return between(sign, value, value);
    },
  };
}

/** Ranges of the numbers that start with these digits. */
function completionRanges(
  digits: string,
  fraction: string | undefined,
  decimals: number,
): [bigint, bigint][] {
  const all = (whole: string, part: string): [bigint, bigint] => [
    BigInt(whole + part.padEnd(decimals, "0")),
    BigInt(whole + part.padEnd(decimals, "9")),
  ];
  if (fraction !== undefined) return [all(digits, fraction)];
  if (digits === "0") return [all("0", "")];
  const lengths = Array.from(
    { length: MAX_DIGITS - digits.length + 1 },
    (_, more) => more,
  );
  return lengths.flatMap((more) => {
    if (digits === "" && more === 0) return [];
    const [low] = all(digits.padEnd(digits.length + more, "0"), "");
    const [, high] = all(digits.padEnd(digits.length + more, "9"), "");
    return [[low, high]];
  });
}

function decimalsOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) return 0;
  const [mantissa = "", exponent = "0"] = String(value).split("e");
  const written = mantissa.split(".")[1]?.length ?? 0;
  return Math.min(30, Math.max(0, written - Number(exponent)));
}

function larger(a?: bigint, b?: bigint): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}

function smaller(a?: bigint, b?: bigint): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
