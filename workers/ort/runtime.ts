import type * as Ort from "onnxruntime-web";
import jspi from "onnxruntime-web/jspi?url";
import asyncify from "onnxruntime-web/webgpu?url";
import asyncifyMjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import asyncifyWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import jspiMjs from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import jspiWasm from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";
import { VlmError } from "../../src/shared/errors";
import { canSuspend } from "./can-suspend";
import { Queue } from "../util/queue";
import { cpuThreads } from "./threads";
import { watchHeap } from "./wasm-heap";

/**
 * ONNX Runtime is not re-entrant: a `run` during a `run`, or a `create`, never
 * settles. Every call into it goes through this one queue.
 */
export const ortQueue = new Queue();

let loading: Promise<typeof Ort> | undefined;
let elsewhere: string | undefined;

/** Where its .mjs and .wasm files are, before it is loaded: a folder's address,
 * with a trailing slash. */
export function takeWasmFrom(folder: string): void {
  elsewhere = folder;
}

/** The runtime, fetched once; a failed fetch is tried again on the next call. */
export function loadOrt(): Promise<typeof Ort> {
  loading ??= importOrt().catch((error: unknown) => {
    loading = undefined;
    throw runtimeMissing(error);
  });
  return loading;
}

export function runtimeMissing(cause: unknown): VlmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VlmError(
    "download-failed",
    `ONNX Runtime could not be loaded: ${why}`,
    "Check the connection, then reload the page.",
    { cause },
  );
}

async function importOrt(): Promise<typeof Ort> {
  const suspends = canSuspend();
  const script = absolute(suspends ? jspi : asyncify);
  // By its address, so that bundlers leave it as it is: it looks for its
  // files itself, which they would take for theirs.
  const ort = (await import(
    /* webpackIgnore: true */ /* @vite-ignore */ script
  )) as typeof Ort;
  const ours = suspends
    ? { mjs: absolute(jspiMjs), wasm: absolute(jspiWasm) }
    : { mjs: absolute(asyncifyMjs), wasm: absolute(asyncifyWasm) };
  ort.env.wasm.wasmPaths = elsewhere ?? ours;
  ort.env.wasm.numThreads = cpuThreads();
  ort.env.logLevel = "error";
  watchHeap();
  return ort;
}

/** Vite gives paths from the site's root; they are imported from elsewhere. */
function absolute(path: string): string {
  return new URL(path, origin).href;
}
