import { at } from "../util/assert";

/** Passes that can be timed between two reads. */
const MAX_PASSES = 128;
const BYTES = 8;

/**
 * Measures stages by GPU timestamps: consecutive passes of a stage count from the
 * start of the first to the end of the last. The timestamps are read back
 * together with other results, so that nothing waits for them.
 */
export class GpuTimer {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;
  /** The stage of each pass since the last `resolve`. */
  #stages: string[] = [];
  /** The stages that `read` returns. */
  #resolving: readonly string[] = [];

  private constructor(device: GPUDevice) {
    const size = 2 * MAX_PASSES * BYTES;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#queries = device.createQuerySet({
      label: "timer",
      type: "timestamp",
      count: 2 * MAX_PASSES,
    });
    this.#resolved = device.createBuffer({
      label: "timer",
      size,
      usage: QUERY_RESOLVE | COPY_SRC,
    });
    this.#readback = device.createBuffer({
      label: "timer readback",
      size,
      usage: COPY_DST | MAP_READ,
    });
  }

  /** Undefined if the device has no timestamp queries. */
  static of(device: GPUDevice): GpuTimer | undefined {
    const has = device.features.has("timestamp-query");
    return has ? new GpuTimer(device) : undefined;
  }

  /** Discards the passes since the last `resolve`. */
  restart(): void {
    this.#stages = [];
  }

  /** The part of a pass descriptor that times a pass of `stage`. */
  pass(stage: string): Pick<GPUComputePassDescriptor, "timestampWrites"> {
    const at = 2 * this.#stages.length;
    this.#stages.push(stage);
    if (at >= 2 * MAX_PASSES) return {};
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: at,
        endOfPassWriteIndex: at + 1,
      },
    };
  }

  /** Encodes the readback of the passes so far. Call `read` after the submit. */
  resolve(encoder: GPUCommandEncoder): void {
    this.#resolving = this.#stages;
    this.#stages = [];
    const count = 2 * Math.min(this.#resolving.length, MAX_PASSES);
    if (count === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    const bytes = count * BYTES;
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
  }

  /** Milliseconds by stage. Stages with passes beyond `MAX_PASSES` are left
   * out. */
  async read(): Promise<Readonly<Record<string, number>>> {
    const stages = this.#resolving;
    const timed = Math.min(stages.length, MAX_PASSES);
    if (timed === 0) return {};
    await this.#readback.mapAsync(GPUMapMode.READ, 0, 2 * timed * BYTES);
    const range = this.#readback.getMappedRange(0, 2 * timed * BYTES);
    const times = new BigUint64Array(range.slice(0));
    this.#readback.unmap();
    return lapsOf(stages, times);
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
    this.#readback.destroy();
  }
}

/** `times`: nanoseconds at the start and the end of each pass. */
export function lapsOf(
  stages: readonly string[],
  times: BigUint64Array,
): Record<string, number> {
  const laps: Record<string, number> = {};
  const incomplete = new Set(stages.slice(times.length / 2));
  for (let first = 0; first < stages.length;) {
    const stage = at(stages, first);
    let end = first + 1;
    while (stages[end] === stage) end++;
    const pass = first;
    first = end;
    if (incomplete.has(stage)) continue;
    const nanoseconds = at(times, 2 * end - 1) - at(times, 2 * pass);
    // Clocks of some adapters step back between passes.
    const lap = Math.max(0, Number(nanoseconds) / 1e6);
    laps[stage] = (laps[stage] ?? 0) + lap;
  }
  return laps;
}
