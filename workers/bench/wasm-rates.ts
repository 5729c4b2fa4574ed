import { openWasmRuntime, type WasmRuntime } from "../backends/wasm/runtime";
import {
  int8Form,
  int8PanelBytes,
  int8RowBytes,
} from "../backends/wasm/product-int8";
import type { Rates } from "./messages";

/** Sides of the products: more than one panel and one block of rows for each thread,
 * and small enough for the caches. */
const ROWS = 384;
const INNER = 768;
const COLUMNS = 768;
/** Multiply-adds of a product. */
const PRODUCT = ROWS * INNER * COLUMNS;
/** Rows that a thread keeps in its cache. */
const BLOCK_ROWS = 48;
/** Floats of each vector; both are more than caches hold. */
const LENGTH = 2 ** 25;
/** Repetitions, of which the fastest counts; the first ones are not yet optimised. */
const TIMES = 20;

/** The rates of the processor with all threads of the WASM backend. */
export async function measureWasmRates(): Promise<Rates> {
  const runtime = await openWasmRuntime();
  try {
    await runtime.pool.started;
    return {
      copy: copyRate(runtime),
      matmul: floatRate(runtime),
      matmulInt8: int8Rate(runtime),
    };
  } finally {
    runtime.release();
  }
}

/** Amount a second. */
function rate(amount: number, work: () => void): number {
  let best = Infinity;
  for (let i = 0; i < TIMES; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return amount / (best / 1000);
}

/** Two vectors are read, and one of them is written. */
function copyRate({ memory, pool }: WasmRuntime): number {
  const [x, y] = [memory.allocate(LENGTH * 4), memory.allocate(LENGTH * 4)];
  memory.floats(x, LENGTH).fill(1);
  memory.floats(y, LENGTH).fill(1);
  const split = { count: LENGTH, grain: 2 ** 16 };
  const found = rate(LENGTH * 12, () => pool.run("scaleAdd", split, x, y, 1));
  memory.free(x);
  memory.free(y);
  return found;
}

function floatRate({ memory, pool }: WasmRuntime): number {
  const ones = (length: number) => {
    const address = memory.allocate(length * 4);
    memory.floats(address, length).fill(1);
    return address;
  };
  const x = ones(ROWS * INNER);
  const w = ones(INNER * COLUMNS);
  const bias = ones(COLUMNS);
  const y = ones(ROWS * COLUMNS);
  const split = { count: (ROWS / BLOCK_ROWS) * (COLUMNS / 8), grain: 8 };
  return rate(PRODUCT, () => {
    const shape = [ROWS, INNER, COLUMNS, BLOCK_ROWS] as const;
    pool.run("productFloat", split, x, w, bias, 0, y, ...shape, 0);
  });
}

function int8Rate(runtime: WasmRuntime): number {
  const { memory, pool } = runtime;
  const form = int8Form(runtime);
  const zeros = (bytes: number) => {
    const address = memory.allocate(bytes);
    memory.bytes(address, bytes).fill(0);
    return address;
  };
  const x = zeros(ROWS * int8RowBytes(INNER, form));
  const w = zeros((COLUMNS / 16) * int8PanelBytes(INNER));
  const y = zeros(ROWS * COLUMNS * 4);
  const split = { count: COLUMNS / 16, grain: 4 };
  return rate(PRODUCT, () => {
    const shape = [ROWS, INNER, COLUMNS * 4, form] as const;
    pool.run("productInt8", split, x, w, 0, y, ...shape);
  });
}
