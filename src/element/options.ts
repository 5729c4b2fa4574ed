import type { Facing } from "../camera";
import type { CaptureSource } from "../capture";
import { parseDtype } from "../models/dtype";
import { localFolder, type FolderFiles } from "../models/folder";
import { resolveModel } from "../models/resolve";
import { VlmError } from "../shared/errors";
import type { DeviceChoice } from "../shared/models";
import type {
  DescribeOptions,
  Fit,
  LoadOptions,
  Message,
  PathChoice,
  PromptStyle,
  Sampling,
} from "../shared/protocol";

export type Source = "none" | "camera" | "screen" | "video" | "picture";

/** Of the element's attributes, those that say which model and how. */
export interface ModelAttributes {
  readonly model: string;
  readonly hub: string;
  readonly folder: FolderFiles | undefined;
  readonly device: string;
  readonly dtype: string;
  readonly path: string;
}

/** What the element's author sets; see there. */
export interface Attributes extends ModelAttributes {
  readonly prompt: string;
  readonly promptStyle: string;
  readonly fit: string;
  readonly anyres: boolean;
  readonly size: number;
  readonly maxTokens: number;
  readonly sampling: Partial<Sampling>;
  readonly source: Source;
  readonly facing: Facing;
  readonly camera: string;
  readonly file: Blob | undefined;
  readonly live: boolean;
  readonly draft: string;
  readonly gate: number;
  readonly worker: (() => Worker) | undefined;
}

/** An earlier turn. Its pictures are the next of those handed over. */
export interface Turn extends Omit<Message, "images"> {
  readonly images?: number;
}

/** What one question may have of its own. */
export interface AskOptions {
  readonly prompt?: string | undefined;
  /** Earlier turns, oldest first; the prompt is the turn after them. */
  readonly messages?: readonly Turn[] | undefined;
  readonly style?: PromptStyle | undefined;
  readonly fit?: Fit | undefined;
  readonly anyres?: boolean | undefined;
  readonly size?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly sampling?: Partial<Sampling> | undefined;
  readonly draft?: boolean | undefined;
  readonly gate?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onToken?: ((text: string) => void) | undefined;
}

/** What to inspect instead of what the attributes name. */
export interface InspectOptions {
  readonly model?: string | undefined;
  readonly folder?: FolderFiles | undefined;
  readonly dtype?: string | undefined;
  readonly device?: string | undefined;
  readonly size?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const devices: readonly DeviceChoice[] = ["auto", "webgpu", "wasm"];
const paths: readonly PathChoice[] = ["auto", "plain"];
const fits: readonly Fit[] = ["letterbox", "crop", "stretch"];
const drafts = ["live", "off"] as const;
const styles: readonly PromptStyle[] = ["reference", "demo"];

export function loadOptions(attributes: ModelAttributes): LoadOptions {
  const { model, hub, folder, device, dtype, path } = attributes;
  return {
    model: folder ? localFolder(folder) : resolveModel(model, hub),
    device: choose("device", device, devices),
    dtype: parseDtype(dtype),
    path: choose("path", path, paths),
  };
}

export function inspectOptions(
  attributes: ModelAttributes,
  { model, folder, dtype, device }: InspectOptions,
): LoadOptions {
  const other = model !== undefined || folder !== undefined;
  return loadOptions({
    hub: attributes.hub,
    path: attributes.path,
    device: device ?? attributes.device,
    dtype: dtype ?? attributes.dtype,
    model: model ?? attributes.model,
    folder: other ? folder : attributes.folder,
  });
}

/** `side` is the model's own, for want of another; `images` how many come. */
export function describeOptions(
  attributes: Attributes,
  options: AskOptions,
  side: number,
  images: number,
): Omit<DescribeOptions, "run"> {
  const size = options.size ?? (attributes.size || side);
  const maxTokens = options.maxTokens ?? attributes.maxTokens;
  if (!(size > 0 && size % 64 === 0)) {
    throw badOption(
      `The encoder cannot take pictures of side ${size}.`,
      "Choose a multiple of 64.",
    );
  }
  if (!(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw badOption(
      `An answer cannot have ${maxTokens} tokens at most.`,
      "Choose a whole number above 0.",
    );
  }
  const prompt = options.prompt ?? attributes.prompt;
  return {
    messages: conversation(options.messages ?? [], prompt, images),
    style: choose(
      "prompt style",
      options.style ?? attributes.promptStyle,
      styles,
    ),
    fit: choose("fit", options.fit ?? attributes.fit, fits),
    anyres: options.anyres ?? attributes.anyres,
    size,
    maxTokens,
    sampling: { ...greedy, ...attributes.sampling, ...options.sampling },
    draft: options.draft ?? false,
    gate: options.gate ?? 0,
  };
}

/** What live captions have beyond single questions. */
export function liveOptions({
  draft,
  gate,
}: Pick<Attributes, "draft" | "gate">): Pick<AskOptions, "draft" | "gate"> {
  return { draft: choose("draft", draft, drafts) === "live", gate };
}

/** The pictures that no earlier turn claims belong to the prompt. */
function conversation(
  turns: readonly Turn[],
  prompt: string,
  images: number,
): Message[] {
  let left = images;
  const messages = turns.map(({ role, text, images = 0 }, at): Message => {
    const expected = at % 2 === 0 ? "user" : "assistant";
    if (role !== expected || (role === "assistant" && images > 0)) {
      throw badOption(
        `Turn ${at + 1} of the conversation is not as it must be.`,
        "Turns alternate, the user's first; the assistant's have no pictures.",
      );
    }
    left -= images;
    return { role, text, images };
  });
  if (turns.length % 2 !== 0) {
    throw badOption(
      "The conversation lacks an answer before the prompt.",
      "Give earlier turns in pairs: a question and its answer.",
    );
  }
  if (left < 0) {
    throw badOption(
      `The turns have ${images - left} pictures, and ${images} came with them.`,
      "Hand over the pictures of all turns, oldest first.",
    );
  }
  return [...messages, { role: "user", text: prompt, images: left }];
}

export function captureSource(
  attributes: Attributes,
): CaptureSource | { readonly kind: "picture"; readonly file: Blob } {
  const { source, camera, facing, file } = attributes;
  if (source === "camera") return { kind: source, deviceId: camera, facing };
  if (source === "screen") return { kind: source };
  if (source !== "video" && source !== "picture") {
    throw badOption("There is no source to start.", "Choose a source.");
  }
  if (!file) {
    throw badOption(`There is no ${source} yet.`, `Choose a ${source} file.`);
  }
  return { kind: source, file };
}

function choose<T extends string>(
  what: string,
  name: string,
  names: readonly T[],
): T {
  const found = names.find((each) => each === name);
  if (found !== undefined) return found;
  throw badOption(
    `There is no ${what} “${name}”.`,
    `Choose one of ${names.join(", ")}.`,
  );
}

function badOption(message: string, advice: string): VlmError {
  return new VlmError("bad-option", message, advice);
}
