// @ts-check
/** Formats the memory samples of `npm run soak`. */
/**
 * @typedef {import("./threads.mjs").Thread} Thread
 * @typedef {import("../src/pages/soak/main.ts").FeedResult} FeedResult
 *
 * @typedef {object} MemorySample
 * @property {number} frames processed so far
 * @property {number} seconds since the model was loaded
 * @property {Thread} page
 * @property {Thread} worker
 * @property {number} wasm bytes of the worker's WebAssembly
 * @property {{ bytes: number, handles: Readonly<Record<string, number>> }} gpu
 * buffers, and objects that are neither destroyed nor collected
 * @property {Record<string, number> | undefined} resident bytes by kind of process
 *
 * @typedef {MemorySample & { fed?: FeedResult }} Sample `fed`: of the frames since the last sample
 */

const MB = 1e6;

/** @type {readonly (readonly [name: string, digits: number, of: (sample: Sample) => number])[]} */
const columns = [
  ["page heap (MB)", 3, ({ page }) => page.heap / MB],
  ["worker heap (MB)", 3, ({ worker }) => worker.heap / MB],
  ["worker arrays (MB)", 3, ({ worker }) => worker.arrays / MB],
  ["WASM (MB)", 1, ({ wasm }) => wasm / MB],
  ["GPU buffers (MB)", 3, ({ gpu }) => gpu.bytes / MB],
  ["GPU handles", 0, ({ gpu }) => sumOf(gpu.handles)],
  ["renderer (MB)", 1, ({ resident }) => (resident?.["renderer"] ?? NaN) / MB],
  ["GPU process (MB)", 1, ({ resident }) => gpuProcess(resident) / MB],
  ["all processes (MB)", 1, ({ resident }) => total(resident) / MB],
  ["first token (ms)", 1, ({ fed }) => fed?.firstToken ?? NaN],
];

/** @param {MemorySample["resident"]} resident */
const gpuProcess = (resident) => resident?.["gpu-process"] ?? NaN;

/** @param {MemorySample["resident"]} resident */
const total = (resident) => (resident === undefined ? NaN : sumOf(resident));

/** @param {Readonly<Record<string, number>>} parts */
const sumOf = (parts) =>
  Object.values(parts).reduce((sum, part) => sum + part, 0);

/** @param {readonly Sample[]} samples */
const grown = (samples) =>
  columns.map(([name, digits, of]) => {
    const known = samples.filter((sample) => !Number.isNaN(of(sample)));
    const at = known.map((sample) => sample.frames);
    const value = known.length < 2 ? NaN : growth(at, known.map(of));
    return /** @type {const} */ ([name, value, digits]);
  });

/**
 * Growth of each column per thousand frames in the second half.
 * @param {readonly Sample[]} samples
 */
export const growths = (samples) =>
  Object.fromEntries(grown(samples).map(([name, value]) => [name, value]));

/** @param {readonly Sample[]} samples */
export function tableOf(samples) {
  const names = ["frames", "minutes", ...columns.map(([name]) => name)];
  const widths = names.map((name) => Math.max(8, name.length));
  const line = (/** @type {readonly string[]} */ cells) =>
    cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join("  ");
  const rows = samples.map((sample) =>
    line([
      ...[String(sample.frames), (sample.seconds / 60).toFixed(1)],
      ...columns.map(([, digits, of]) => format(of(sample), digits)),
    ]),
  );
  const slopes = grown(samples).map(([, value, digits]) =>
    format(value, digits + 2),
  );
  const last = line(["per 1,000", "", ...slopes]);
  return [line(names), ...rows, ...(samples.length > 2 ? [last] : [])];
}

/** @param {number} value @param {number} digits */
const format = (value, digits) =>
  Number.isNaN(value) ? "–" : value.toFixed(digits);

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
