import { compileModule } from "../kernels";
import { WasmMemory } from "../memory";
import type { WasmRuntime } from "../runtime";
import { ThreadPool } from "../thread-pool";

/** Kernels on one thread, for tests in Node. */
export async function openKernels(relaxed: boolean): Promise<WasmRuntime> {
  const { module } = await compileModule(false, relaxed);
  const memory = new WasmMemory(false);
  const pool = new ThreadPool(module, memory, 1);
  return { memory, pool, release: () => pool.close() };
}
