import { cpuThreads } from "../../ort/threads";
import { compileModule } from "./kernels";
import { WasmMemory } from "./memory";
import { ThreadPool } from "./thread-pool";

/** The kernels with their memory and threads. */
export interface WasmRuntime {
  readonly memory: WasmMemory;
  readonly pool: ThreadPool;
  /** Ends the threads. */
  release(): void;
}

/**
 * Opens kernels with memory of their own. The threads are still starting.
 * @param threads with the calling one
 */
export async function openWasmRuntime(
  threads = cpuThreads(),
): Promise<WasmRuntime> {
  const shared = threads > 1;
  const { module } = await compileModule(shared);
  const memory = new WasmMemory(shared);
  const pool = new ThreadPool(module, memory, threads);
  return { memory, pool, release: () => pool.close() };
}
