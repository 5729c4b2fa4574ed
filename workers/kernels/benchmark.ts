import { at } from "../util/assert";

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
  const clock = createClock(device);
  try {
    const best = works.map(() => Infinity);
    const repeats = works.map(() => 1);
    for (let round = 0; round < ROUNDS; round++) {
      if (works.filter((_, i) => isCandidate(best, i)).length < 2) break;
      for (const [i, work] of works.entries()) {
        if (round > 0 && !isCandidate(best, i)) continue;
        let count = at(repeats, i);
        let time = await clock.time(work, count);
        // The first run wakes the GPU.
        if (round === 0 && time < LONG_MS) time = await clock.time(work, count);
        while (time < MIN_MS && count < MAX_REPEATS) {
          count = Math.min(
            MAX_REPEATS,
            Math.ceil((count * 1.5 * MIN_MS) / (time || 1)),
          );
          time = await clock.time(work, count);
        }
        repeats[i] = count;
        best[i] = Math.min(at(best, i), time / count);
      }
    }
    return best;
  } finally {
    clock.dispose();
  }
}

function isCandidate(times: readonly number[], i: number): boolean {
  return at(times, i) <= TOO_SLOW * Math.min(...times);
}

interface Clock {
  time(work: BenchmarkedWork, count: number): Promise<number>;
  dispose(): void;
}

function createClock(device: GPUDevice): Clock {
  return device.features.has("timestamp-query")
    ? new GpuClock(device)
    : {
        time: (work, count) => wallTime(device, work, count),
        dispose: () => undefined,
      };
}

async function wallTime(
  device: GPUDevice,
  work: BenchmarkedWork,
  count: number,
): Promise<number> {
  await device.queue.onSubmittedWorkDone();
  const start = performance.now();
  const encoder = device.createCommandEncoder({ label: "benchmark" });
  encodeRepeated(encoder, { label: "benchmark" }, work, count);
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

function encodeRepeated(
  encoder: GPUCommandEncoder,
  descriptor: GPUComputePassDescriptor,
  work: BenchmarkedWork,
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
    const label = "benchmark";
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

  async time(work: BenchmarkedWork, count: number): Promise<number> {
    const encoder = this.#device.createCommandEncoder({ label: "benchmark" });
    const timestampWrites = {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: 0,
      endOfPassWriteIndex: 1,
    };
    encodeRepeated(
      encoder,
      { label: "benchmark", timestampWrites },
      work,
      count,
    );
    encoder.resolveQuerySet(this.#querySet, 0, 2, this.#times, 0);
    encoder.copyBufferToBuffer(this.#times, 0, this.#readback, 0, 16);
    this.#device.queue.submit([encoder.finish()]);
    await this.#readback.mapAsync(GPUMapMode.READ);
    const times = new BigInt64Array(this.#readback.getMappedRange());
    const [start, end] = [at(times, 0), at(times, 1)];
    this.#readback.unmap();
    return Math.max(0, Number(end - start) / 1e6);
  }

  dispose(): void {
    this.#querySet.destroy();
    this.#times.destroy();
    this.#readback.destroy();
  }
}
