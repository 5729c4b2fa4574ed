/** Milliseconds that a round lasts at least: clocks of GPUs may be coarse. */
const ROUND = 1;
const ROUNDS = 3;
const MOST = 1000;
/** What takes longer than this needs no second look in its first round. */
const LONG = 20;
/** What is this many times slower than the quickest is out of the race. */
const BEHIND = 1.5;

/** Encodes what a trial repeats; its results are left where they fall. */
export type Work = (pass: GPUComputePassEncoder) => void;

/**
 * Milliseconds that each of `works` takes on this adapter: the least of a few
 * rounds, in which they take turns, so that what slows the machine for a while
 * slows all of them.
 */
export async function trial(
  device: GPUDevice,
  works: readonly Work[],
): Promise<number[]> {
  const clock = makeClock(device);
  try {
    const best = works.map(() => Infinity);
    const repeats = works.map(() => 1);
    for (let round = 0; round < ROUNDS; round++) {
      if (works.filter((_, i) => inRace(best, i)).length < 2) break;
      for (const [i, work] of works.entries()) {
        if (round > 0 && !inRace(best, i)) continue;
        let count = repeats[i] ?? 1;
        let time = await clock.time(work, count);
        // The first run wakes the GPU up.
        if (round === 0 && time < LONG) time = await clock.time(work, count);
        while (time < ROUND && count < MOST) {
          count = Math.min(
            MOST,
            Math.ceil((count * 1.5 * ROUND) / (time || 1)),
          );
          time = await clock.time(work, count);
        }
        repeats[i] = count;
        best[i] = Math.min(best[i] ?? Infinity, time / count);
      }
    }
    return best;
  } finally {
    clock.dispose();
  }
}

function inRace(times: readonly number[], i: number): boolean {
  return (times[i] ?? 0) <= BEHIND * Math.min(...times);
}

interface Clock {
  time(work: Work, count: number): Promise<number>;
  dispose(): void;
}

function makeClock(device: GPUDevice): Clock {
  return device.features.has("timestamp-query")
    ? new GpuClock(device)
    : { time: (work, count) => wallTime(device, work, count), dispose };
}

function dispose(): void {
  // A wall clock holds nothing.
}

async function wallTime(
  device: GPUDevice,
  work: Work,
  count: number,
): Promise<number> {
  await device.queue.onSubmittedWorkDone();
  const start = performance.now();
  const encoder = device.createCommandEncoder({ label: "trial" });
  encodeTimes(encoder, { label: "trial" }, work, count);
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

function encodeTimes(
  encoder: GPUCommandEncoder,
  descriptor: GPUComputePassDescriptor,
  work: Work,
  count: number,
): void {
  const pass = encoder.beginComputePass(descriptor);
  for (let i = 0; i < count; i++) work(pass);
  pass.end();
}

class GpuClock implements Clock {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet;
  readonly #times: GPUBuffer;
  readonly #readback: GPUBuffer;

  constructor(device: GPUDevice) {
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const label = "trial";
    this.#device = device;
    this.#querySet = device.createQuerySet({
      label,
      type: "timestamp",
      count: 2,
    });
    this.#times = device.createBuffer({
      label,
      size: 16,
      usage: QUERY_RESOLVE | COPY_SRC,
    });
    this.#readback = device.createBuffer({
      label,
      size: 16,
      usage: COPY_DST | MAP_READ,
    });
  }

  async time(work: Work, count: number): Promise<number> {
    const encoder = this.#device.createCommandEncoder({ label: "trial" });
    const timestampWrites = {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    };
    encodeTimes(encoder, { label: "trial", timestampWrites }, work, count);
    encoder.resolveQuerySet(this.#querySet, 0, 2, this.#times, 0);
    encoder.copyBufferToBuffer(this.#times, 0, this.#readback, 0, 16);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readback.mapAsync(GPUMapMode.READ);
    const [start = 0n, end = 0n] = new BigInt64Array(
      this.#readback.getMappedRange(),
    );
    this.#readback.unmap();
    return Math.max(0, Number(end - start) / 1e6);
  }

  dispose(): void {
    this.#querySet.destroy();
    this.#times.destroy();
    this.#readback.destroy();
  }
}
