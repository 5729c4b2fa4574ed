/** Runs many jobs on a pool, and answers with the sums. */
import { compileModule } from "../kernels";
import { WasmMemory } from "../memory";
import { isThread, runThread, ThreadPool } from "../thread-pool";

export interface PoolQuestion {
  readonly threads: number;
  readonly jobs: number;
  readonly count: number;
}

export interface PoolAnswer {
  readonly threads: number;
  /** Whether each job changed each item once. */
  readonly correct: boolean;
}

if (isThread()) runThread();
else {
  self.onmessage = ({ data }: MessageEvent<PoolQuestion>) => {
    void answer(data).then((result) => self.postMessage(result));
  };
}

async function answer({
  threads,
  jobs,
  count,
}: PoolQuestion): Promise<PoolAnswer> {
  const { module } = await compileModule(true);
  const memory = new WasmMemory(true);
  const pool = new ThreadPool(module, memory, threads);
  await pool.started;
  const x = memory.allocate(count * 4);
  const y = memory.allocate(count * 4);
  memory.floats(x, count).fill(1);
  memory.floats(y, count).fill(0);
  let correct = true;
  for (let job = 1; job <= jobs; job++) {
    pool.run("scaleAdd", { count, grain: 5 }, x, y, 1);
    correct &&= memory.floats(y, count).every((value) => value === job);
  }
  const { threads: running } = pool;
  pool.close();
  return { threads: running, correct };
}
