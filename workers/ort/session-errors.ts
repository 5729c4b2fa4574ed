import { VlmError } from "../../src/shared/errors";
import { corrupt, unreadable } from "../util/file-errors";
import { bytesOf } from "../util/read-blob";
import type { OnnxGraph } from "../onnx/onnx-reader";
import { GPU_FAULT, outOfMemory, type Gpu } from "./device";
import { runtimeMissing } from "./runtime";

const MEMORY =
  /out of memory|\boom\b|bad_alloc|failed to alloc|array buffer alloc/i;

/** What the runtime says of operators and versions that it has not. */
const OPERATOR =
  /not implemented|could not find an implementation|no op registered|not a registered function|opset .* is under development|unsupported model ir/i;

/** Files that weights were to be read from, by name. */
type Files = ReadonlyMap<string, Blob>;

/** Why there is no session, with the file that is to blame. */
export async function explain(
  error: unknown,
  { file }: OnnxGraph,
  files: Files,
  gpu: Gpu | undefined,
): Promise<VlmError> {
  const cause = (await gpu?.explain(error)) ?? VlmError.from(error);
  await gpu?.forgetFaults();
  const { code, advice } = cause;
  const message = plain(cause.message);
  // The .wasm file comes with the first session; what the runtime says then.
  if (/no available backend/i.test(message)) return runtimeMissing(error);
  if (code !== "internal" && code !== "out-of-memory") {
    return new VlmError(code, `${file}: ${message}`, advice, { cause });
  }
  if (code === "out-of-memory" || MEMORY.test(message)) {
    return outOfMemory(`${file}: ${message}`);
  }
  if (gpu !== undefined && message.startsWith(GPU_FAULT)) {
    return new VlmError(
      "unsupported",
      `${file} needs more than ${gpu.name} offers: ${message}`,
      "Choose another dtype, a smaller model, or the device wasm.",
      { cause },
    );
  }
  const gone = await unreadableOf(files);
  if (gone !== undefined) {
    return unreadable(file.slice(0, file.lastIndexOf("/") + 1) + gone, cause);
  }
  if (OPERATOR.test(message)) {
    return new VlmError(
      "unsupported",
      `${file} needs what this runtime does not have: ${message}`,
      "Choose another dtype, or export the model again with standard operators.",
      { cause },
    );
  }
  return corrupt(file, `it is not a graph that can be run: ${message}`, cause);
}

/** Without the error's number and its place in the runtime's sources. */
function plain(message: string): string {
  return message
    .replace(/^Can't create a session\. ERROR_CODE: \d+, ERROR_MESSAGE: /, "")
    .replace(/^\/\S+:\d+ (\S*\(.*?\) )?/, "")
    .trim();
}

/** The name of a file that cannot be read any more. */
async function unreadableOf(files: Files): Promise<string | undefined> {
  for (const [name, blob] of files) {
    const readable = await bytesOf(blob.slice(0, 1)).then(
      () => true,
      () => false,
    );
    if (!readable) return name;
  }
  return undefined;
}
