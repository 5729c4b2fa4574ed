import type { GpuTimer } from "../../kernels/gpu-timer";
import { encodeCommands, type Dispatch } from "../../ort/capture";
import type { Gpu } from "../../ort/device";
import { nextTask, Stopped } from "../../util/scheduler";

/** Commands of a captured graph, or kernels of ours. */
export type Work =
  readonly Dispatch[] | { encode(pass: GPUComputePassEncoder): void };

/** What goes with a replay: copies at both ends, who times it, and what ends
 * it. */
export interface Around {
  readonly timer?: GpuTimer | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly before?: (encoder: GPUCommandEncoder) => void;
  readonly after?: (encoder: GPUCommandEncoder) => void;
}

/** Systems reset a GPU that is busy with one submit for seconds. */
const MS_PER_SUBMIT = 250;

/** Dispatches in a submit while nobody knows what they take. */
const AT_FIRST = 32;

/** How long the commands of a graph take, as measured. */
export class Pace {
  #msPerDispatch: number | undefined;

  get isKnown(): boolean {
    return this.#msPerDispatch !== undefined;
  }

  /** A cautious guess until it was measured. */
  get msPerDispatch(): number {
    return this.#msPerDispatch ?? MS_PER_SUBMIT / AT_FIRST;
  }

  /** The latest counts as much as all before it. */
  measured(ms: number, dispatches: number): void {
    const latest = ms / dispatches;
    this.#msPerDispatch = (latest + (this.#msPerDispatch ?? latest)) / 2;
  }
}

/** What a device was given and has not done, as far as is known. */
class Backlog {
  /** As foreseen. */
  ms = 0;
  done: Promise<unknown> = Promise.resolve();
  /** When it was last seen to be done with something. */
  #idleSince = 0;

  /** What is submitted is foreseen to take `ms`; gives what it took. */
  submit(
    { queue }: GPUDevice,
    encoder: GPUCommandEncoder,
    ms: number,
  ): Promise<number> {
    const given = performance.now();
    queue.submit([encoder.finish()]);
    this.ms += ms;
    const took = queue.onSubmittedWorkDone().then(() => {
      const end = performance.now();
      const began = Math.max(given, this.#idleSince);
      this.#idleSince = end;
      this.ms -= ms;
      return end - began;
    });
    // A lost device has no pace; whoever waits for the work is told.
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
 * Submits `works` in their order: in one submit, at once, where they take little
 * time. Else in several, each when the GPU has done those before it, so that
 * `signal` can end the rest: then it rejects with `Stopped`.
 */
export async function replay(
  gpu: Gpu,
  label: string,
  pace: Pace,
  works: readonly Work[],
  { before, after, timer, signal }: Around,
): Promise<void> {
  const { device } = gpu;
  const backlog = backlogOf(device);
  const times: Promise<number>[] = [];
  let given = 0;
  const measure = async (): Promise<void> => {
    const dispatches = given;
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
      // For an abort to get in.
      await nextTask();
      if (!pace.isKnown && given > 0) {
        await measure();
        continue;
      }
    }
    if (signal?.aborted) throw new Stopped();
    const time = gpu.watch(() => {
      const encoder = device.createCommandEncoder({ label });
      if (given === 0) before?.(encoder);
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
    given += count;
    left = rest;
  }
  measure().catch(() => undefined);
}

/** The first part of `works`, `most` dispatches of captured graphs, and the rest.
 * Kernels of ours stay with what is before them. */
function split(
  works: readonly Work[],
  most: number,
): { part: readonly Work[]; count: number; rest: readonly Work[] } {
  const part: Work[] = [];
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
