/** Digits that a number may have, before and after its point. */
const WHOLE = 15;
const DECIMALS = 6;

type Schema = Readonly<Record<string, unknown>>;

/**
 * Whether what has come of a number can still become one that the schema allows,
 * without an exponent. The library lets some begin that never can: of numbers up
 * to 5 it takes "17", and then digits for ever.
 */
export function numberOf(schema: unknown): (text: string) => boolean {
  if (typeof schema !== "object" || schema === null) return fits({});
  const { const: only, enum: some } = schema as Schema;
  const values = Array.isArray(some) ? (some as unknown[]) : [];
  if (Object.hasOwn(schema, "const")) values.push(only);
  const numbers = values.filter((value) => typeof value === "number");
  if (numbers.length === 0) return fits(schema as Schema);
  const texts = numbers.map((value) => JSON.stringify(value));
  return (text) => texts.some((whole) => whole.startsWith(text));
}

/** Everything is counted in units of the last decimal. */
function fits(schema: Schema): (text: string) => boolean {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const { multipleOf } = schema;
  const types = [schema["type"]].flat();
  const whole = types.includes("integer") && !types.includes("number");
  const named = [minimum, maximum, exclusiveMinimum, exclusiveMaximum];
  const most = Math.max(...named.map(decimalsOf), decimalsOf(multipleOf));
  const decimals = whole ? 0 : Math.max(DECIMALS, most + 1);
  const scale = Math.max(decimals, most);
  const units = (value: unknown): bigint | undefined =>
    typeof value === "number" && Math.abs(value) < 10 ** WHOLE
      ? BigInt(value.toFixed(scale).replace(".", ""))
      : undefined;
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

  return (text) => {
    const parts = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
    if (parts === null) return false;
    const [, sign, digits = "", fraction] = parts;
    if (digits.length > WHOLE) return false;
    const point = fraction !== undefined;
    if (point && (decimals === 0 || fraction.length > decimals)) return false;
    return reached(digits, fraction, decimals).some(([low, high]) => {
      const shift = 10n ** BigInt(scale - decimals);
      const [from, to] = [low * shift, high * shift];
      const [small, large] = sign === "-" ? [-to, -from] : [from, to];
      const start = larger(least, small) ?? small;
      const end = smaller(last, large) ?? large;
      if (start > end) return false;
      if (step <= 0n) return true;
      const rest = ((end % step) + step) % step;
      return end - rest >= start;
    });
  };
}

/** What numbers may begin so, from the least to the largest. */
function reached(
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
    { length: WHOLE - digits.length + 1 },
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
