import { expect } from "vitest";
import type { LocalFile, ModelSource } from "../../src/shared/models";
import type {
  GenerateOptions,
  LoadOptions,
  WorkerEvent,
} from "../../src/shared/protocol";
import type { Api } from "../api";

// Written out with import.meta.url, Vite would take each URL for an asset.
const here = import.meta.url;

/** Folders of tiny models with meaningless output; tools/fixtures/make_micro.py
 * describes their differences. */
export const micro = new URL("micro/", here).href;
export const other = new URL("other/", here).href;
export const half = new URL("half/", here).href;

/** The URLs of all their files. */
const paths = Object.keys(import.meta.glob("./{micro,other,half}/**/*")).map(
  (path) => new URL(path, here).href,
);

/** Returns the new contents of a file; undefined removes it. */
export type Change = (bytes: Uint8Array<ArrayBuffer>) => BlobPart | undefined;

/** Replaces `reach` bytes on each side of the middle of a graph by weights of
 * NaN. */
export const withNaNWeights =
  (reach: number): Change =>
  (bytes) => {
    const middle = bytes.length / 2;
    return bytes.slice().fill(0xff, middle - reach, middle + reach);
  };

/** One of these folders as a folder chosen by the user, with some of its files
 * changed or added. */
export async function pickFolder(
  folder: string,
  changes: Readonly<Record<string, Change>> = {},
): Promise<Extract<ModelSource, { kind: "folder" }>> {
  const own = paths.filter((path) => path.startsWith(folder));
  const names = own.map((path) => path.slice(folder.length));
  const files: LocalFile[] = [];
  for (const path of new Set([...names, ...Object.keys(changes)])) {
    const response = names.includes(path)
      ? await fetch(folder + path)
      : new Response();
    const bytes = new Uint8Array(await response.arrayBuffer());
    const changed = changes[path] === undefined ? bytes : changes[path](bytes);
    if (changed === undefined) continue;
    files.push({ path, file: new Blob([changed]) });
  }
  return { kind: "folder", name: folder.split("/").at(-2) ?? "", files };
}

/** The micro model with another default `size`: on the software adapter 64, the
 * smallest, is many times faster than 256. */
export const microOfSize = (size: number) =>
  pickFolder(micro, {
    "preprocessor_config.json": () => JSON.stringify({ size }),
  });

export const loadOptions: LoadOptions = {
  model: { kind: "url", url: micro },
  device: "wasm",
  dtype: "fp32",
  backend: "ort",
};

/** One user message with one image. */
export function imageQuestion(text: string): GenerateOptions["messages"] {
  return [{ role: "user", text, imageCount: 1 }];
}

export const options: GenerateOptions = {
  messages: imageQuestion("Describe the image."),
  promptStyle: "reference",
  fit: "letterbox",
  background: "white",
  anyres: false,
  size: 256,
  maxTokens: 12,
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    repetitionPenalty: 1,
    seed: 0,
  },
  draft: false,
  gate: 0,
};

/** An image that depends on `seed`, wider than high. */
export function testImage(seed = 1): Promise<ImageBitmap> {
  const image = new ImageData(320, 200);
  const words = new Uint32Array(image.data.buffer);
  words.forEach((_, i) => {
    const block = Math.floor((i % 320) / 40) + Math.floor(i / 8000) * 8;
    words[i] = Math.imul(block * seed + 1, 0x9e3779b1) | 0xff000000;
  });
  return createImageBitmap(image);
}

/** Records the events of `api`. */
export function listen(api: Pick<Api, "onEvent">): WorkerEvent[] {
  const events: WorkerEvent[] = [];
  api.onEvent = ({ event }) => void events.push(event);
  return events;
}

/** Resolves with the first event of `type`, once it has arrived. */
export async function event(
  events: WorkerEvent[],
  type: WorkerEvent["type"],
): Promise<WorkerEvent> {
  for (;;) {
    const found = events.find((candidate) => candidate.type === type);
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** For `rejects.toEqual`: an error with this code and a message that contains
 * the words in this order. */
export function failsWith(code: string, ...words: string[]): Error {
  const escaped = words.map((word) => word.replace(/[.|+]/g, "\\$&"));
  const pattern = new RegExp(escaped.join(".*"));
  const message = expect.stringMatching(pattern) as string;
  return expect.objectContaining({ code, message }) as Error;
}
