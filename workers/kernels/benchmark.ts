import { at, defined } from "../util/assert";
import { GpuTimer } from "./gpu-timer";

/** Minimum milliseconds of a measurement: GPU clocks may be coarse. */
const MIN_MS = 1;
const ROUNDS = 3;
const MAX_REPEATS = 1000;
/** Work that takes longer than this needs no warm-up. */
const LONG_MS = 20;
/** Work this many times slower than the fastest is not measured again. */
const TOO_SLOW = 1.5;

/** Encodes work once; its results are ignored. */
type BenchmarkedWork = (pass: GPUComputePassEncoder) => void;

/**
 * Milliseconds of each of `works` on this adapter: the minimum of a few rounds.
 * Works take turns, so that a slow moment of the machine affects all of them.
 */
export async function benchmark(
  device: GPUDevice,
  works: readonly BenchmarkedWork[],
): Promise<number[]> {
  const timer = GpuTimer.of(device);
  const time = (work: BenchmarkedWork, count: number): Promise<number> =>
    timeRuns(device, timer, work, count);
  try {
    const best = works.map(() => Infinity);
    const repeats = works.map(() => 1);
    for (let round = 0; round < ROUNDS; round++) {
      if (works.filter((_, i) => isCandidate(best, i)).length < 2) break;
      for (const [i, work] of works.entries()) {
        if (round > 0 && !isCandidate(best, i)) continue;
        let count = at(repeats, i);
        let ms = await time(work, count);
        // The first run wakes the GPU.
        if (round === 0 && ms < LONG_MS) ms = await time(work, count);
        while (ms < MIN_MS && count < MAX_REPEATS) {
          count = Math.min(
            MAX_REPEATS,
            Math.ceil((count * 1.5 * MIN_MS) / (ms || 1)),
          );
          ms = await time(work, count);
        }
        repeats[i] = count;
        best[i] = Math.min(at(best, i), ms / count);
      }
    }
    return best;
  } finally {
    timer?.dispose();
  }
}

function isCandidate(times: readonly number[], i: number): boolean {
  return at(times, i) <= TOO_SLOW * Math.min(...times);
}

/** Milliseconds of `count` runs, by the GPU's clock if it has one. */
async function timeRuns(
  device: GPUDevice,
  timer: GpuTimer | undefined,
  work: BenchmarkedWork,
  count: number,
): Promise<number> {
  if (timer === undefined) await device.queue.onSubmittedWorkDone();
  const start = performance.now();
  const label = "benchmark";
  const encoder = device.createCommandEncoder({ label });
  const pass = encoder.beginComputePass({ label, ...timer?.pass(label) });
  for (let i = 0; i < count; i++) work(pass);
  pass.end();
  timer?.resolve(encoder);
  device.queue.submit([encoder.finish()]);
  if (timer !== undefined) return defined((await timer.read())[label], label);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}
