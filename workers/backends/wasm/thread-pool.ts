import {
  instantiateKernels,
  type KernelArguments,
  type KernelName,
  type Kernels,
} from "./kernels";
import type { WasmMemory } from "./memory";

/** The name of a worker that is a thread of a pool. It runs the same file as the
 * worker that starts it. */
export const THREAD_NAME = "fast-vlm-thread";

/**
 * The record of the current job, 32-bit words in shared memory.
 *
 * A thread claims a part of a job by decrementing CLAIM, the job's number and the
 * count of parts that nobody claimed. So a thread that wakes too late finds either no
 * part or the parts of the current job, and nobody waits for it. The rest of the
 * record changes only between jobs, when all parts are finished.
 */
const CLAIM = 0;
const FINISHED = 1;
/** Threads that wait for CLAIM to change. */
const SLEEPING = 2;
/** Threads that can claim parts, without the caller. */
const RUNNING = 3;
/** 1 if a part threw. */
const FAILED = 4;
const PARTS = 5;
/** Items in a part, and in all of them. */
const LENGTH = 6;
const COUNT = 7;
/** Index of the kernel in the module's exports. */
const KERNEL = 8;
const ARGUMENTS = 9;
/** The first 64-bit float of the arguments, from the start of the record. */
const FIRST_ARGUMENT = 8;
const MOST_ARGUMENTS = 24;
const RECORD_BYTES = (FIRST_ARGUMENT + MOST_ARGUMENTS) * 8;

/** CLAIM has the job's number above these bits. */
const PART_BITS = 10;
const PART_MASK = 2 ** PART_BITS - 1;

/** Parts of a job for each thread, since some threads are slower. */
const PARTS_PER_THREAD = 4;
/** Checks before a thread sleeps: about 50 µs, the time between two jobs. */
const SPINS = 5000;

/** What a thread is started with. */
interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the record. */
  readonly record: number;
}

/** How a job is split. */
export interface Split {
  /** Items of the kernel's outermost dimension. */
  readonly count: number;
  /** Items that are worth a part; parts are multiples of it. A job with fewer
   * runs on the calling thread. */
  readonly grain: number;
}

/**
 * Runs kernels on several threads. The calling thread takes part and blocks until a
 * job is finished, so it must be a worker. Threads that did not start, or not yet, are
 * not waited for.
 */
export class ThreadPool {
  readonly kernels: Kernels;
  /** Resolves when every thread has started or failed to. */
  readonly started: Promise<void>;
  readonly #record: JobRecord | undefined;
  readonly #workers: readonly Worker[];

  /**
   * @param threads with the calling one; more than 1 needs shared memory
   * @param start starts a worker that calls `runThread`
   */
  constructor(
    module: WebAssembly.Module,
    memory: WasmMemory,
    threads: number,
    start: () => Worker = startThread,
  ) {
    this.kernels = instantiateKernels(module, memory.memory);
    if (threads === 1) {
      this.#workers = [];
      this.started = Promise.resolve();
      return;
    }
    const record = memory.allocate(RECORD_BYTES);
    memory.bytes(record, RECORD_BYTES).fill(0);
    this.#record = new JobRecord(memory.memory, record, this.kernels);
    const given = { module, memory: memory.memory, record };
    this.#workers = Array.from({ length: threads - 1 }, start);
    const settling = this.#workers.map((worker) => settled(worker, given));
    this.started = Promise.all(settling).then(() => undefined);
  }

  /** Threads that run jobs now, with the calling one. */
  get threads(): number {
    return 1 + (this.#record?.running ?? 0);
  }

  /** Runs a kernel with these arguments for all items of its outermost dimension. */
  run<Name extends KernelName>(
    name: Name,
    { count, grain }: Split,
    ...args: KernelArguments[Name]
  ): void {
    const { threads } = this;
    if (this.#record === undefined || threads === 1 || count <= grain)
      return this.kernels[name](...args, 0, count);
    const most = Math.min(PART_MASK, threads * PARTS_PER_THREAD);
    const length = Math.ceil(count / most / grain) * grain;
    this.#record.run(name, args, count, length);
  }

  /** Ends the threads. */
  close(): void {
    for (const worker of this.#workers) worker.terminate();
  }
}

/** Whether this worker is a thread of a pool: it calls `runThread` only. */
export function isThread(): boolean {
  return self.name === THREAD_NAME;
}

/** Runs jobs of the pool that started this worker until it is terminated. */
export function runThread(): void {
  self.onmessage = ({ data }: MessageEvent<ThreadStart>) => {
    const kernels = instantiateKernels(data.module, data.memory);
    const record = new JobRecord(data.memory, data.record, kernels);
    postMessage("started");
    record.serve();
  };
}

/** Bundlers name the worker's file differently, and `location` is always right. */
function startThread(): Worker {
  return new Worker(location.href, { name: THREAD_NAME, type: workerType() });
}

/** Some bundlers make classic scripts of workers. */
function workerType(): WorkerType {
  try {
    // Throws in modules.
    importScripts();
    return "classic";
  } catch {
    return "module";
  }
}

/** Starts the thread and resolves when it runs or never will. */
function settled(worker: Worker, start: ThreadStart): Promise<void> {
  return new Promise((resolve) => {
    worker.onmessage = () => resolve();
    worker.onerror = (event) => {
      // It is no failure of the pool, which runs without this thread.
      event.preventDefault();
      worker.terminate();
      resolve();
    };
    worker.postMessage(start);
  });
}

type Kernel = (...args: number[]) => void;

class JobRecord {
  readonly #words: Int32Array;
  readonly #args: Float64Array;
  readonly #kernels: readonly (readonly [name: string, kernel: Kernel])[];

  constructor(memory: WebAssembly.Memory, address: number, kernels: Kernels) {
    const { buffer } = memory;
    this.#words = new Int32Array(buffer, address, FIRST_ARGUMENT * 2);
    const first = address + FIRST_ARGUMENT * 8;
    this.#args = new Float64Array(buffer, first, MOST_ARGUMENTS);
    this.#kernels = Object.entries(kernels);
  }

  get running(): number {
    return Atomics.load(this.#words, RUNNING);
  }

  /** Runs a job, together with the threads that claim parts of it. */
  run(
    name: string,
    args: readonly number[],
    count: number,
    length: number,
  ): void {
    const words = this.#words;
    const kernel = this.#kernels.findIndex(([other]) => other === name);
    if (kernel === -1) throw new Error(`No kernel ${name}.`);
    if (args.length > MOST_ARGUMENTS)
      throw new RangeError(`Too many arguments for ${name}: ${args.length}.`);
    const parts = Math.ceil(count / length);
    this.#args.set(args);
    words[KERNEL] = kernel;
    words[ARGUMENTS] = args.length;
    words[COUNT] = count;
    words[LENGTH] = length;
    words[PARTS] = parts;
    words[FAILED] = 0;
    Atomics.store(words, FINISHED, 0);
    const job = (Atomics.load(words, CLAIM) >>> PART_BITS) + 1;
    Atomics.store(words, CLAIM, (job << PART_BITS) | parts);
    if (Atomics.load(words, SLEEPING) > 0) Atomics.notify(words, CLAIM);
    while (this.#runPart());
    this.#waitFor(parts);
    if (Atomics.load(words, FAILED) === 1)
      throw new Error(`The kernel ${name} failed.`);
  }

  /** Runs parts of all jobs to come. */
  serve(): never {
    const words = this.#words;
    Atomics.add(words, RUNNING, 1);
    for (let spins = 0; ; spins++) {
      if (this.#runPart()) spins = 0;
      if (spins < SPINS) continue;
      const claim = Atomics.load(words, CLAIM);
      if ((claim & PART_MASK) > 0) continue;
      Atomics.add(words, SLEEPING, 1);
      Atomics.wait(words, CLAIM, claim);
      Atomics.sub(words, SLEEPING, 1);
      spins = 0;
    }
  }

  /** Claims a part and runs it. Returns whether there may be more. */
  #runPart(): boolean {
    const words = this.#words;
    const claim = Atomics.load(words, CLAIM);
    const left = claim & PART_MASK;
    if (left === 0) return false;
    const found = Atomics.compareExchange(words, CLAIM, claim, claim - 1);
    if (found !== claim) return true;
    const parts = this.#word(PARTS);
    const part = parts - left;
    const begin = part * this.#word(LENGTH);
    const end = Math.min(begin + this.#word(LENGTH), this.#word(COUNT));
    const args = this.#args.subarray(0, this.#word(ARGUMENTS));
    try {
      this.#kernels[this.#word(KERNEL)]?.[1](...args, begin, end);
    } catch {
      Atomics.store(words, FAILED, 1);
    }
    const finished = Atomics.add(words, FINISHED, 1) + 1;
    if (finished === parts) Atomics.notify(words, FINISHED);
    return true;
  }

  #waitFor(parts: number): void {
    const words = this.#words;
    for (let spins = 0; ; spins++) {
      const finished = Atomics.load(words, FINISHED);
      if (finished === parts) return;
      if (spins >= SPINS) Atomics.wait(words, FINISHED, finished);
    }
  }

  #word(index: number): number {
    return Atomics.load(this.#words, index);
  }
}
