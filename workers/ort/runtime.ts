import type * as Ort from "onnxruntime-web";
import jspi from "onnxruntime-web/jspi?url";
import asyncify from "onnxruntime-web/webgpu?url";
import asyncifyMjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import asyncifyWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import jspiMjs from "onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url";
import jspiWasm from "onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url";
import { VlmError, sentence } from "../../src/shared/errors";
import { canSuspend } from "./can-suspend";
import { Mutex } from "../../src/shared/mutex";
import { cpuThreads } from "./threads";
import { watchHeap } from "./wasm-heap";

/**
 * ONNX Runtime is not re-entrant: a `run` during another `run` or `create` never
 * settles. Every call takes this mutex.
 */
export const ortMutex = new Mutex();

let loading: Promise<typeof Ort> | undefined;
let wasmFolder: string | undefined;

/** Sets the URL of the folder with ORT's .mjs and .wasm files, with a trailing
 * slash. Call it before `loadOrt`. */
export function setWasmFolder(folder: string): void {
  wasmFolder = folder;
}

/** Loads ONNX Runtime once. The next call after a failure tries again. */
export function loadOrt(): Promise<typeof Ort> {
  loading ??= importOrt().catch((error: unknown) => {
    loading = undefined;
    throw runtimeNotLoaded(error);
  });
  return loading;
}

export function runtimeNotLoaded(cause: unknown): VlmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VlmError(
    "download-failed",
    sentence(`ONNX Runtime could not be loaded: ${why}`),
    "Check the connection, then reload the page.",
    { cause },
  );
}

async function importOrt(): Promise<typeof Ort> {
  const suspends = canSuspend();
  const script = absolute(suspends ? jspi : asyncify);
  // Imported by URL, because bundlers would rewrite the paths of the files that
  // the script loads itself.
  const ort = (await import(
    /* webpackIgnore: true */ /* @vite-ignore */ script
  )) as typeof Ort;
  const ours = suspends
    ? { mjs: absolute(jspiMjs), wasm: absolute(jspiWasm) }
    : { mjs: absolute(asyncifyMjs), wasm: absolute(asyncifyWasm) };
  ort.env.wasm.wasmPaths = wasmFolder ?? ours;
  ort.env.wasm.numThreads = cpuThreads();
  ort.env.logLevel = "error";
  watchHeap();
  return ort;
}

/** Vite gives paths from the site's root; imports need absolute URLs. */
function absolute(path: string): string {
  return new URL(path, origin).href;
}
