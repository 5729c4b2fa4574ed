import { VlmError } from "../../src/shared/errors";
import { corrupt, loadAborted, sentence } from "./faults";

type OnProgress = (loaded: number, total: number) => void;

/**
 * Downloads files of a model folder side by side. Progress counts the bytes of
 * all of them; the total is known when every server answer is in. The first
 * failure ends the others.
 */
export async function fetchFiles(
  folder: string,
  files: readonly string[],
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<Map<string, Uint8Array>> {
  const others = new AbortController();
  const either = AbortSignal.any([signal, others.signal]);
  const progress = new Progress(files.length, onProgress);
  try {
    const contents = await Promise.all(
      files.map((file) => fetchFile(folder, file, either, progress)),
    );
    return new Map(
      files.map((file, i) => [file, contents[i] ?? new Uint8Array()]),
    );
  } catch (error) {
    others.abort();
    if (signal.aborted) throw loadAborted();
    throw error;
  }
}

class Progress {
  readonly #onProgress: OnProgress;
  #unanswered: number;
  #loaded = 0;
  #total = 0;

  constructor(files: number, onProgress: OnProgress) {
    this.#unanswered = files;
    this.#onProgress = onProgress;
  }

  answered(bytes: number): void {
    this.#unanswered--;
    this.#total += bytes;
    this.#report();
  }

  received(bytes: number): void {
    this.#loaded += bytes;
    this.#report();
  }

  #report(): void {
    // Compressed answers do not tell their size: then the total is too small.
    const known = this.#unanswered === 0 && this.#total >= this.#loaded;
    this.#onProgress(this.#loaded, known ? this.#total : 0);
  }
}

async function fetchFile(
  folder: string,
  file: string,
  signal: AbortSignal,
  progress: Progress,
): Promise<Uint8Array> {
  const response = await request(folder, file, signal);
  const encoded = response.headers.has("content-encoding");
  const length = Number(response.headers.get("content-length") ?? 0);
  progress.answered(encoded ? 0 : length);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    const reader = response.body?.getReader();
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) break;
      chunks.push(part.value);
      size += part.value.length;
      progress.received(part.value.length);
    }
  } catch (error) {
    throw failed(folder, file, error);
  }
  if (!encoded && size < length) {
    throw corrupt(file, `it ends after ${size} of ${length} bytes`);
  }
  return join(chunks, size);
}

async function request(
  folder: string,
  file: string,
  signal: AbortSignal,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(file, folder), { signal });
  } catch (error) {
    throw failed(folder, file, error);
  }
  // Servers of single-page apps answer a missing file with their page.
  const page = response.headers.get("content-type")?.includes("text/html");
  if (response.status === 404 || response.status === 410 || page === true) {
    throw new VlmError(
      "model-file-missing",
      `The model folder ${folder} has no ${file}.`,
      "Check the address of the folder and the dtype, or export the model again.",
    );
  }
  if (!response.ok) throw failed(folder, file, `HTTP ${response.status}`);
  return response;
}

function failed(folder: string, file: string, cause: unknown): VlmError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VlmError(
    "download-failed",
    `${file} could not be read from ${folder}: ${sentence(why)}`,
    "Check the connection and the address, then load the model again.",
    { cause },
  );
}

function join(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
