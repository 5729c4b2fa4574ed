import type { LoadJob, LoadPlan } from "./plan";
import { LoadedModel } from "./model";
import type { Backend } from "../backends/backend";
import { measure } from "../ort/memory-use";
import { loadOrt } from "../ort/runtime";
import { Memory } from "../ort/tensor";
import { aborted } from "../store/errors";

/** Side that warms up a processor, where the model's own is larger. */
const QUICK_SIDE = 256;

/** Side of the pictures that a model is tried with. */
export function verificationSize({ hardware, config }: LoadPlan): number {
  // Processors have no shaders to compile, and take seconds for a picture.
  return hardware.software ? Math.min(config.side, QUICK_SIDE) : config.side;
}

/**
 * A model whose path `open` makes, once `check` has tried it; what `check` finds
 * wrong with it, if anything. Of a model that fails nothing is left, nor is the
 * plan's device.
 */
export async function tryBackend<P extends Backend, Wrong>(
  job: LoadJob,
  plan: LoadPlan,
  open: (memory: Memory, next: () => void) => Promise<P>,
  check: (model: LoadedModel, path: P) => Promise<Wrong | undefined>,
): Promise<LoadedModel | Wrong> {
  const { gpu, loaded } = plan;
  let reported = "";
  const report = (phase: "preparing" | "warming") => {
    // There may be hundreds of steps.
    if (phase === reported) return;
    reported = phase;
    const whole = { loaded, total: loaded, rate: 0, elsewhere: false };
    job.emit({ type: "progress", phase, ...whole });
  };
  let model: LoadedModel | undefined;
  try {
    const memory = new Memory(await loadOrt(), gpu);
    const path = await open(memory, () => {
      if (job.signal.aborted) throw aborted();
      report("preparing");
    });
    model = new LoadedModel(job.options, plan, path, memory);
    report("warming");
    const wrong = await check(model, path);
    if (wrong === undefined) {
      model.measured(measure(gpu));
      return model;
    }
    await model.free();
    return wrong;
  } catch (error) {
    const cause = (await gpu?.explain(error)) ?? error;
    if (model === undefined) gpu?.close();
    else await model.free();
    throw job.signal.aborted ? aborted() : cause;
  }
}
