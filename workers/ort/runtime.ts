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
import { writeModel } from "../onnx/onnx-writer";
import { cpuThreads } from "./threads";
import { answerFetch, WasmDownload } from "./wasm-download";
import { watchHeap } from "./wasm-heap";

/** Bytes of ORT's .wasm files. */
export const WASM_BYTES = { jspi: 16_758_545, asyncify: 26_781_914 } as const;

/** ORT's two builds; `name`: of the .wasm file in a folder of the site. */
const files = {
  jspi: {
    ...{ script: jspi, mjs: jspiMjs, wasm: jspiWasm },
    name: "ort-wasm-simd-threaded.jspi.wasm",
  },
  asyncify: {
    ...{ script: asyncify, mjs: asyncifyMjs, wasm: asyncifyWasm },
    name: "ort-wasm-simd-threaded.asyncify.wasm",
  },
} as const;

/**
 * ONNX Runtime is not re-entrant: a `run` during another `run` or `create` never
 * settles. Every call takes this mutex.
 */
export const ortMutex = new Mutex();

let loading: Promise<typeof Ort> | undefined;
let download: WasmDownload | undefined;
let failures = 0;
let wasmFolder: string | undefined;

/** Sets the URL of the folder with ORT's .mjs and .wasm files, with a trailing
 * slash. Call it before `loadOrt`. */
export function setWasmFolder(folder: string): void {
  wasmFolder = folder;
}

/** Downloads and starts ONNX Runtime once. The next call after a failure tries
 * again. */
export function loadOrt(): Promise<typeof Ort> {
  loading ??= startOrt().catch((error: unknown) => {
    loading = undefined;
    failures += 1;
    throw runtimeNotLoaded(error);
  });
  return loading;
}

/** Begins to load ONNX Runtime, so that it is there when it is needed. Returns the
 * download of its .wasm file until it has started. Failures are reported by
 * `loadOrt`. */
export function beginOrt(): WasmDownload | undefined {
  loadOrt().catch(() => undefined);
  return download;
}

function runtimeNotLoaded(cause: unknown): VlmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VlmError(
    "download-failed",
    sentence(`ONNX Runtime could not be loaded: ${why}`),
    "Check the connection, then reload the page.",
    { cause },
  );
}

async function startOrt(): Promise<typeof Ort> {
  const build = canSuspend() ? "jspi" : "asyncify";
  const { script, mjs, wasm, name } = files[build];
  const url = wasmFolder === undefined ? absolute(wasm) : wasmFolder + name;
  download = new WasmDownload(url, WASM_BYTES[build]);
  try {
    // Imported by URL, because bundlers would rewrite the paths of the files that
    // the script loads itself. An instance that failed to start never starts.
    const instance = `${absolute(script)}${failures > 0 ? `#${failures}` : ""}`;
    const ort = (await import(
      /* webpackIgnore: true */ /* @vite-ignore */ instance
    )) as typeof Ort;
    ort.env.wasm.wasmPaths = wasmFolder ?? { mjs: absolute(mjs), wasm: url };
    ort.env.wasm.numThreads = cpuThreads();
    ort.env.logLevel = "error";
    watchHeap();
    answerFetch(url, await download.response);
    await createFirstSession(ort);
    return ort;
  } finally {
    download = undefined;
  }
}

/** ORT compiles and starts its .wasm file when the first session is created. */
function createFirstSession({ InferenceSession }: typeof Ort): Promise<void> {
  const value = (name: string) =>
    ({ name, type: "float32", shape: [1] }) as const;
  const node = {
    ...{ op: "Identity", domain: "", attributes: {} },
    ...{ inputs: ["x"], outputs: ["y"] },
  };
  const model = writeModel([node], [value("x")], [value("y")]);
  return ortMutex.run(async () => {
    const session = await InferenceSession.create(model, {
      executionProviders: ["wasm"],
    });
    await session.release();
  });
}

/** Vite gives paths from the site's root; imports need absolute URLs. */
function absolute(path: string): string {
  return new URL(path, origin).href;
}
