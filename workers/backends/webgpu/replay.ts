import type { GpuTimer } from "../../kernels/gpu-timer";
import { encodeCommands, type Dispatch } from "../../ort/command-recorder";
import type { Gpu } from "../../ort/device";
import { nextTask, Stopped } from "../../util/scheduler";

/** The dispatches of a recorded graph, or a kernel that encodes itself. */
export type ReplayWork =
  readonly Dispatch[] | { encode(pass: GPUComputePassEncoder): void };

interface ReplayOptions {
  readonly timer?: GpuTimer | undefined;
  /** Stops the replay between two submits. */
  readonly signal?: AbortSignal | undefined;
  /** Encodes copies before the first pass. */
  readonly before?: (encoder: GPUCommandEncoder) => void;
  /** Encodes copies after the last pass. */
  readonly after?: (encoder: GPUCommandEncoder) => void;
}

/** Operating systems reset a GPU that works on one submit for seconds. */
const MS_PER_SUBMIT = 250;

/** Dispatches in a submit before their speed was measured. */
const UNMEASURED_DISPATCHES = 32;

/** The measured speed of a graph's dispatches. */
export class Pace {
  #msPerDispatch: number | undefined;

  get isKnown(): boolean {
    return this.#msPerDispatch !== undefined;
  }

  /** A cautious guess before the first measurement. */
  get msPerDispatch(): number {
    return this.#msPerDispatch ?? MS_PER_SUBMIT / UNMEASURED_DISPATCHES;
  }

  /** Averages with weight 1/2 for the latest measurement. */
  measured(ms: number, dispatches: number): void {
    const latest = ms / dispatches;
    this.#msPerDispatch = (latest + (this.#msPerDispatch ?? latest)) / 2;
  }
}

/** Work that was submitted to a device and is not known to be done. */
class Backlog {
  /** Its expected duration. */
  ms = 0;
  /** Resolves when the latest submit is done. */
  done: Promise<unknown> = Promise.resolve();
  #lastDone = 0;

  /** Submits work that is expected to take `ms` and resolves with the time it
   * took. */
  submit(
    { queue }: GPUDevice,
    encoder: GPUCommandEncoder,
    ms: number,
  ): Promise<number> {
    const submitted = performance.now();
    queue.submit([encoder.finish()]);
    this.ms += ms;
    const took = queue.onSubmittedWorkDone().then(() => {
      const end = performance.now();
      const start = Math.max(submitted, this.#lastDone);
      this.#lastDone = end;
      this.ms -= ms;
      return end - start;
    });
    // Rejects when the device is lost, which is reported by `gpu.guard`.
    took.catch(() => undefined);
    this.done = took;
    return took;
  }
}

const backlogs = new WeakMap<GPUDevice, Backlog>();

function backlogOf(device: GPUDevice): Backlog {
  const backlog = backlogs.get(device) ?? new Backlog();
  backlogs.set(device, backlog);
  return backlog;
}

/**
 * Submits `works` in order. Short work goes into one submit, at once. Long work
 * is split into several, each after the GPU has done the ones before, so that
 * `signal` can stop the rest: then it rejects with `Stopped`.
 */
export async function replay(
  gpu: Gpu,
  label: string,
  pace: Pace,
  works: readonly ReplayWork[],
  { before, after, timer, signal }: ReplayOptions,
): Promise<void> {
  const { device } = gpu;
  const backlog = backlogOf(device);
  const times: Promise<number>[] = [];
  let submitted = 0;
  const measure = async (): Promise<void> => {
    const dispatches = submitted;
    const all = await Promise.all(times);
    const ms = all.reduce((sum, time) => sum + time, 0);
    pace.measured(ms, dispatches);
  };
  for (let left = works; left.length > 0;) {
    const { msPerDispatch } = pace;
    const most = Math.max(1, Math.floor(MS_PER_SUBMIT / msPerDispatch));
    const { part, count, rest } = split(left, most);
    const ms = count * msPerDispatch;
    if (backlog.ms > 0 && backlog.ms + ms > MS_PER_SUBMIT) {
      await gpu.guard(backlog.done);
      // An abort message can only arrive in a new task.
      await nextTask();
      if (!pace.isKnown && submitted > 0) {
        await measure();
        continue;
      }
    }
    if (signal?.aborted) throw new Stopped();
    const time = gpu.watch(() => {
      const encoder = device.createCommandEncoder({ label });
      if (submitted === 0) before?.(encoder);
      const pass = encoder.beginComputePass({ label, ...timer?.pass(label) });
      for (const work of part) {
        if ("encode" in work) work.encode(pass);
        else encodeCommands(pass, work);
      }
      pass.end();
      if (rest.length === 0) after?.(encoder);
      return backlog.submit(device, encoder, ms);
    });
    times.push(time);
    submitted += count;
    left = rest;
  }
  measure().catch(() => undefined);
}

/** Splits `works` after `most` dispatches of recorded graphs. Kernels that encode
 * themselves stay with the work before them. */
function split(
  works: readonly ReplayWork[],
  most: number,
): {
  part: readonly ReplayWork[];
  count: number;
  rest: readonly ReplayWork[];
} {
  const part: ReplayWork[] = [];
  let count = 0;
  for (const [i, work] of works.entries()) {
    if (!("encode" in work)) {
      const room = most - count;
      if (work.length > room) {
        part.push(work.slice(0, room));
        const rest = [work.slice(room), ...works.slice(i + 1)];
        return { part, count: most, rest };
      }
      count += work.length;
    }
    part.push(work);
  }
  return { part, count, rest: [] };
}
