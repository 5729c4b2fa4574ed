/** Passes that can be timed between two readings. */
const MOST_PASSES = 128;
const BYTES = 8;

/**
 * How long stages take on the GPU: at each turn of a stage, from the start of
 * its first pass to the end of its last. It comes back with what else is read
 * of the last of them, so that nothing waits in order to be measured.
 */
export class GpuTimer {
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #readback: GPUBuffer;
  /** Of each pass since the last reading. */
  #stages: string[] = [];
  /** Of those that are on their way back. */
  #underway: readonly string[] = [];

  private constructor(device: GPUDevice) {
    const size = 2 * MOST_PASSES * BYTES;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#queries = device.createQuerySet({
      label: "timer",
      type: "timestamp",
      count: 2 * MOST_PASSES,
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

  /** Undefined where the adapter has no clock. */
  static of(device: GPUDevice): GpuTimer | undefined {
    const has = device.features.has("timestamp-query");
    return has ? new GpuTimer(device) : undefined;
  }

  /** Passes so far were for nothing. */
  restart(): void {
    this.#stages = [];
  }

  /** What the descriptor of a pass of `stage` is to have in it. */
  pass(stage: string): Pick<GPUComputePassDescriptor, "timestampWrites"> {
    const at = 2 * this.#stages.length;
    this.#stages.push(stage);
    if (at >= 2 * MOST_PASSES) return {};
    return {
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: at,
        endOfPassWriteIndex: at + 1,
      },
    };
  }

  /** The stages end here: after their last pass, in one submit with what is to
   * be read anyway. To be followed by `read`. */
  resolve(encoder: GPUCommandEncoder): void {
    this.#underway = this.#stages;
    this.#stages = [];
    const count = 2 * Math.min(this.#underway.length, MOST_PASSES);
    if (count === 0) return;
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    const bytes = count * BYTES;
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#readback, 0, bytes);
  }

  /** Milliseconds by stage, once that submit is done. A stage that had more
   * passes than can be timed is left out. */
  async read(): Promise<Readonly<Record<string, number>>> {
    const stages = this.#underway;
    const timed = Math.min(stages.length, MOST_PASSES);
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

/** From nanoseconds at the start and the end of each pass. */
export function lapsOf(
  stages: readonly string[],
  times: BigUint64Array,
): Record<string, number> {
  const laps: Record<string, number> = {};
  const partly = new Set(stages.slice(times.length / 2));
  for (let first = 0; first < stages.length;) {
    const stage = stages[first] ?? "";
    let end = first + 1;
    while (stages[end] === stage) end++;
    const start = times[2 * first] ?? 0n;
    const stop = times[2 * end - 1] ?? 0n;
    first = end;
    if (partly.has(stage)) continue;
    // Clocks of some adapters step back between passes.
    const lap = Math.max(0, Number(stop - start) / 1e6);
    laps[stage] = (laps[stage] ?? 0) + lap;
  }
  return laps;
}
