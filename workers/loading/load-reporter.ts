import {
  noProgress,
  type LoadProgress,
  type WorkerEvent,
} from "../../src/shared/protocol";
import type { WasmDownload } from "../ort/wasm-download";
import type { Progress } from "../store/progress";

export type Emit = (event: WorkerEvent) => void;

type Runtime = Pick<WasmDownload, "loaded" | "total" | "rate" | "onBytes">;

/** ms between two reports of one phase. */
const REPORT_INTERVAL = 100;

const nothing: Progress = { loaded: 0, total: 0, rate: 0, elsewhere: false };

/** Reports how far a load has come. */
export class LoadReporter {
  #emit: Emit;
  /** ONNX Runtime, if this load waits for it. */
  #runtime: Runtime | undefined;
  #phase: LoadProgress["phase"] = "loading";
  #reportedAt = -Infinity;
  #model = nothing;
  /** Shaders compiled while warming up. */
  #shaders = 0;

  constructor(emit: Emit) {
    this.#emit = emit;
    emit(noProgress);
  }

  /** The load has ended for the page, and continues in the background. */
  mute(): void {
    this.#emit = () => undefined;
  }

  /** The load waits for ONNX Runtime, too, which is being downloaded. */
  waitsFor(runtime: Runtime | undefined): void {
    if (runtime === undefined) return;
    this.#runtime = runtime;
    runtime.onBytes = () => {
      const isDone = runtime.loaded === runtime.total;
      if (this.#phase === "loading" && (isDone || this.#isDue())) {
        this.#reportBytes();
      }
    };
  }

  /** Progress of the model's files. */
  downloading(model: Progress): void {
    this.#phase = "loading";
    this.#model = model;
    this.#reportBytes();
  }

  /** This many of the weights or graphs are in memory. */
  preparing(done: number, steps: number): void {
    const isFirst = this.#enter("preparing");
    if (isFirst || this.#isDue()) this.#reportSteps({ done, steps });
  }

  /** The model is in memory: its shaders are compiled next. */
  warming(): void {
    this.#enter("warming");
    this.#shaders = 0;
    this.#reportSteps({ done: 0 });
  }

  /** A shader is compiled. */
  shaderCompiled(): void {
    if (this.#phase !== "warming") return;
    this.#shaders += 1;
    if (this.#isDue()) this.#reportSteps({ done: this.#shaders });
  }

  /** Returns whether the phase is another one than before. */
  #enter(phase: LoadProgress["phase"]): boolean {
    const isNew = this.#phase !== phase;
    this.#phase = phase;
    return isNew;
  }

  #isDue(): boolean {
    return performance.now() - this.#reportedAt >= REPORT_INTERVAL;
  }

  #reportBytes(): void {
    const { loaded, total } = this.#model;
    const missing = total > 0 ? { missing: Math.max(0, total - loaded) } : {};
    this.#report({ ...together(this.#model, this.#runtime), ...missing });
  }

  #reportSteps(steps: Pick<LoadProgress, "done" | "steps">): void {
    const { total } = together(this.#model, this.#runtime);
    this.#report({ ...{ loaded: total, total, rate: 0 }, ...steps });
  }

  #report(progress: Partial<LoadProgress>): void {
    this.#reportedAt = performance.now();
    this.#emit({ ...noProgress, phase: this.#phase, ...progress });
  }
}

/** The model's files and ONNX Runtime as one download. */
function together(model: Progress, runtime: Runtime | undefined): Progress {
  if (runtime === undefined) return model;
  const loaded = model.loaded + runtime.loaded;
  const total = model.total === 0 ? 0 : model.total + runtime.total;
  const rate = model.rate + runtime.rate;
  const { elsewhere } = model;
  const left = total > 0 && rate > 0 ? { left: (total - loaded) / rate } : {};
  return { loaded, total, rate, elsewhere, ...left };
}
