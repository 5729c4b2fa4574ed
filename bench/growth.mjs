// @ts-check
/**
 * The slope of the least squares line through the points; 0 for a single point.
 * @param {readonly number[]} at @param {readonly number[]} values
 */
export function slope(at, values) {
  if (at.length === 0 || at.length !== values.length) {
    throw new Error(
      `Cannot fit ${at.length} points to ${values.length} values.`,
    );
  }
  const mean = (/** @type {readonly number[]} */ all) =>
    all.reduce((sum, one) => sum + one, 0) / all.length;
  const [x, y] = [mean(at), mean(values)];
  const square = at.reduce((sum, one) => sum + (one - x) ** 2, 0);
  const product = at.reduce(
    (sum, one, i) => sum + (one - x) * (Number(values[i]) - y),
    0,
  );
  return square === 0 ? 0 : product / square;
}

/**
 * The slope per thousand in the second half, which excludes what is allocated once
 * at the start.
 * @param {readonly number[]} at @param {readonly number[]} values
 */
export function growth(at, values) {
  const half = (Number(at[0]) + Number(at.at(-1))) / 2;
  const from = at.findIndex((one) => one >= half);
  return 1000 * slope(at.slice(from), values.slice(from));
}
