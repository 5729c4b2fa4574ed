import type { Facing } from "../camera";
import type { CaptureSource } from "../capture";
import { VlmError } from "../shared/errors";
import type {
  DescribeOptions,
  DeviceChoice,
  Dtype,
  LoadOptions,
  Sampling,
} from "../shared/protocol";

export type Source = "none" | "camera" | "screen" | "video" | "picture";

/** What the element's author sets; see there. */
export interface Attributes {
  readonly model: string;
  readonly device: string;
  readonly dtype: string;
  readonly prompt: string;
  readonly size: number;
  readonly maxTokens: number;
  readonly sampling: Partial<Sampling>;
  readonly source: Source;
  readonly facing: Facing;
  readonly camera: string;
  readonly file: Blob | undefined;
  readonly live: boolean;
  readonly worker: (() => Worker) | undefined;
}

/** What one question may have of its own. */
export interface AskOptions {
  readonly prompt?: string | undefined;
  readonly size?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly sampling?: Partial<Sampling> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onToken?: ((text: string) => void) | undefined;
}

const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const devices: readonly string[] = ["auto", "webgpu", "wasm"];
const dtypes: readonly string[] = ["fp32", "fp16", "q4", "q4f16"];

export function loadOptions(attributes: Attributes): LoadOptions {
  const { model, device, dtype } = attributes;
  if (!model) {
    throw badOption("No model is named.", "Set the attribute model to a URL.");
  }
  if (!devices.includes(device)) {
    throw badOption(`There is no device “${device}”.`, oneOf(devices));
  }
  if (!dtypes.includes(dtype)) {
    throw badOption(`There is no dtype “${dtype}”.`, oneOf(dtypes));
  }
  return {
    model: folderUrl(model),
    device: device as DeviceChoice,
    dtype: dtype as Dtype,
  };
}

/** `side` is the model's own, for want of another. */
export function describeOptions(
  attributes: Attributes,
  options: AskOptions,
  side: number,
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
  return {
    prompt: options.prompt ?? attributes.prompt,
    size,
    maxTokens,
    sampling: { ...greedy, ...attributes.sampling, ...options.sampling },
  };
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

/** Against the page, because the worker's own address is another. */
function folderUrl(model: string): string {
  try {
    return new URL(model.endsWith("/") ? model : `${model}/`, document.baseURI)
      .href;
  } catch {
    throw badOption(
      `“${model}” is not the address of a model.`,
      "Give the URL of a model folder.",
    );
  }
}

function badOption(message: string, advice: string): VlmError {
  return new VlmError("bad-option", message, advice);
}

function oneOf(names: readonly string[]): string {
  return `Choose one of ${names.join(", ")}.`;
}
