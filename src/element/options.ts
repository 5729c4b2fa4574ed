import type { Facing } from "../capture/camera";
import type { FolderFiles } from "../models/folder";
import { loadOptions, type ModelSelection } from "../session/load-options";
import type {
  Fit,
  LoadOptions,
  Message,
  PromptStyle,
  Sampling,
} from "../shared/protocol";
import type { Source } from "../session/source-image";

/** The attribute `source`. */
export type SourceName = "none" | "camera" | "screen" | "video" | "picture";

/** What the element's author sets; see there. */
export interface Attributes extends ModelSelection {
  readonly prompt: string;
  readonly promptStyle: string;
  readonly fit: string;
  readonly anyres: boolean;
  readonly size: number;
  readonly maxTokens: number;
  readonly sampling: Partial<Sampling>;
  readonly source: SourceName;
  readonly for: string;
  readonly stream: MediaStream | undefined;
  readonly facing: Facing;
  readonly camera: string;
  readonly file: Blob | undefined;
  readonly live: boolean;
  readonly draft: string;
  readonly gate: number;
  readonly mutedText: boolean;
  readonly worker: (() => Worker) | undefined;
  readonly wasmPaths: string;
  readonly fetch: typeof globalThis.fetch | undefined;
  readonly signal: AbortSignal | undefined;
}

/** An earlier turn. Its pictures are the next of those handed over. */
export interface Turn extends Pick<Message, "text"> {
  readonly role: "user" | "assistant";
  readonly images?: number;
}

/** What one question may have of its own; the rest is as the attributes say. */
export interface AskOptions {
  /** One or several, which stay as they are; else what the element looks at. */
  readonly source?: Source | readonly Source[] | undefined;
  /** Earlier turns, oldest first; the prompt is the turn after them. */
  readonly messages?: readonly Turn[] | undefined;
  /** As the attribute `prompt-style`. */
  readonly style?: PromptStyle | undefined;
  readonly fit?: Fit | undefined;
  readonly anyres?: boolean | undefined;
  /** Side of the encoder's input in pixels, a multiple of 64. */
  readonly size?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly sampling?: Partial<Sampling> | undefined;
  /** Try the last answer to the same prompt as a draft of this one; false. */
  readonly draft?: boolean | undefined;
  /** Of 0 (off) to 1; 0. */
  readonly gate?: number | undefined;
  /** Aborted before its turn, it rejects with `aborted`; later, it ends. */
  readonly signal?: AbortSignal | undefined;
  /** Of each token, as it comes. */
  readonly onToken?: ((text: string) => void) | undefined;
}

/** What to inspect instead of what the attributes name. */
export interface InspectOptions {
  /** As the attribute; instead of it and the property `folder`. */
  readonly model?: string | undefined;
  /** Files of a folder of this machine, instead of a model. */
  readonly folder?: FolderFiles | undefined;
  readonly dtype?: string | undefined;
  readonly device?: string | undefined;
  /** Side of the encoder's input in pixels, for which memory is estimated. */
  readonly size?: number | undefined;
  /** Aborted, it rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

export function inspectOptions(
  attributes: ModelSelection,
  { model, folder, dtype, device }: InspectOptions,
): LoadOptions {
  const other = model !== undefined || folder !== undefined;
  return loadOptions({
    hub: attributes.hub,
    modelBase: attributes.modelBase,
    path: attributes.path,
    device: device ?? attributes.device,
    dtype: dtype ?? attributes.dtype,
    model: model ?? attributes.model,
    folder: other ? folder : attributes.folder,
  });
}
