import { VlmError, sentence } from "../../src/shared/errors";
import { corrupt, unreadable } from "../util/file-errors";
import { bytesOf } from "../util/read-blob";
import { siblingPath } from "../onnx/external-data";
import type { OnnxGraph } from "../onnx/onnx-reader";
import { GPU_ERROR_PREFIX, outOfMemory, type Gpu } from "./device";

const MEMORY =
  /out of memory|\boom\b|bad_alloc|failed to alloc|array buffer alloc/i;

/** ORT's messages about unsupported operators and versions. */
const OPERATOR =
  /not implemented|could not find an implementation|no op registered|not a registered function|opset .* is under development|unsupported model ir/i;

/** Weight files by name. */
type Files = ReadonlyMap<string, Blob>;

/** Explains why a session could not be created, naming the file at fault. */
export async function explainSessionError(
  error: unknown,
  { file }: OnnxGraph,
  files: Files,
  gpu: Gpu | undefined,
): Promise<VlmError> {
  const cause = (await gpu?.explain(error)) ?? VlmError.from(error);
  await gpu?.forgetErrors();
  const { code, advice } = cause;
  const message = withoutSource(cause.message);
  if (code !== "internal" && code !== "out-of-memory") {
    return new VlmError(code, `${file}: ${message}`, advice, { cause });
  }
  if (code === "out-of-memory" || MEMORY.test(message)) {
    return outOfMemory(`${file}: ${message.replace(/^Out of memory: /, "")}`);
  }
  if (gpu !== undefined && message.startsWith(GPU_ERROR_PREFIX)) {
    return new VlmError(
      "unsupported",
      sentence(`${gpuFailure(message, file, gpu.name)}: ${message}`),
      "Choose another dtype, a smaller model, or the device wasm.",
      { cause },
    );
  }
  const name = await findUnreadable(files);
  if (name !== undefined) {
    return unreadable(siblingPath(file, name), cause);
  }
  if (OPERATOR.test(message)) {
    return new VlmError(
      "unsupported",
      sentence(
        `${file} uses an operator or version that ONNX Runtime does not support: ${message}`,
      ),
      "Choose another dtype, or export the model again with standard operators.",
      { cause },
    );
  }
  return corrupt(file, `ONNX Runtime cannot read the graph: ${message}`, cause);
}

/** What failed, by the browser's message: WebGPU has one class for all these errors. */
function gpuFailure(message: string, file: string, gpu: string): string {
  if (/\bWGSL\b|shader ?module/i.test(message)) {
    return `${gpu} cannot compile a shader of ${file}`;
  }
  return /\bexceeds?\b|\blarger than\b|\blimits?\b/i.test(message)
    ? `${file} exceeds the limits of ${gpu}`
    : `${gpu} cannot run ${file}`;
}

/** Names the graph that ONNX Runtime failed to run. Other errors are returned as
 * they are. */
export function explainRunError(error: unknown, file: string): unknown {
  const { message } = VlmError.from(error);
  const failure =
    /^failed to call OrtRun\(\)\. ERROR_CODE: \d+, ERROR_MESSAGE: /;
  if (!failure.test(message) || MEMORY.test(message)) return error;
  return new VlmError(
    "unsupported",
    sentence(
      `ONNX Runtime failed to run ${file}: ${message.replace(failure, "")}`,
    ),
    "Choose another dtype or device, or export the model again.",
    { cause: error },
  );
}

/** Removes ORT's error code and source location. */
function withoutSource(message: string): string {
  return message
    .replace(/^Can't create a session\. ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/^\/\S+:\d+ (\S*\(.*?\) )?/, "")
    .trim();
}

/** The name of the first file that can no longer be read. */
async function findUnreadable(files: Files): Promise<string | undefined> {
  for (const [name, blob] of files) {
    const readable = await bytesOf(blob.slice(0, 1)).then(
      () => true,
      () => false,
    );
    if (!readable) return name;
  }
  return undefined;
}
