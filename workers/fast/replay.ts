import type { GpuTimer } from "../kernels/gpu-timer";
import { encodeCommands, type Dispatch } from "../ort/capture";
import type { Gpu } from "../ort/device";

/** Commands of a captured graph, or kernels of ours. */
export type Work =
  readonly Dispatch[] | { encode(pass: GPUComputePassEncoder): void };

/** What goes with a replay: copies at both ends, and who times it. */
export interface Around {
  readonly timer?: GpuTimer | undefined;
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

/** When a device was last seen to have done everything. */
const idleSince = new WeakMap<GPUDevice, number>();

/** Submits `works` in their order: in one submit, or in several where they take
 * long. */
export function replay(
  gpu: Gpu,
  label: string,
  pace: Pace,
  works: readonly Work[],
  around: Around,
): void {
  const { device } = gpu;
  const start = performance.now();
  const { msPerDispatch } = pace;
  const total = gpu.watch(() =>
    submitAll(device, label, msPerDispatch, works, around),
  );
  const done = (): void => {
    const end = performance.now();
    const began = Math.max(start, idleSince.get(device) ?? 0);
    idleSince.set(device, end);
    pace.measured(end - began, total);
  };
  // A lost device has no pace; whoever waits for the work is told.
  device.queue.onSubmittedWorkDone().then(done, () => undefined);
}

/** Gives the dispatches of captured graphs. */
function submitAll(
  device: GPUDevice,
  label: string,
  msPerDispatch: number,
  works: readonly Work[],
  { before, after, timer }: Around,
): number {
  const most = Math.max(1, Math.floor(MS_PER_SUBMIT / msPerDispatch));
  let encoder = device.createCommandEncoder({ label });
  before?.(encoder);
  const begin = (): GPUComputePassEncoder =>
    encoder.beginComputePass({ label, ...timer?.pass(label) });
  let pass = begin();
  let [total, here] = [0, 0];
  for (const work of works) {
    if ("encode" in work) {
      work.encode(pass);
      continue;
    }
    for (let at = 0; at < work.length;) {
      if (here >= most) {
        pass.end();
        device.queue.submit([encoder.finish()]);
        encoder = device.createCommandEncoder({ label });
        pass = begin();
        here = 0;
      }
      const part = work.slice(at, at + most - here);
      encodeCommands(pass, part);
      at += part.length;
      here += part.length;
      total += part.length;
    }
  }
  pass.end();
  after?.(encoder);
  device.queue.submit([encoder.finish()]);
  return total;
}
