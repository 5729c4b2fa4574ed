import type { Graph } from "../../index";

/** The texts of the conversation and of the panels in one language;
 * `panel-texts-de.ts` has the German ones. Amounts and times are formatted and have
 * a unit: `1.2 MB`, `0.4 s`. */
export interface PanelTexts {
  readonly lang: string;
  readonly conversation: {
    readonly title: string;
    readonly question: string;
    readonly placeholder: string;
    readonly ask: string;
    readonly stop: string;
    /** Names the list of questions to choose from. */
    readonly questions: string;
    readonly thumbnail: string;
    /** Shown until the first word. */
    readonly waiting: string;
    readonly stopped: string;
    /** The answer reached the maximum length. */
    readonly cutOff: string;
    readonly firstWord: (time: string) => string;
    readonly askAgain: string;
    readonly edit: string;
    readonly copy: string;
    readonly copied: string;
    readonly copyFailed: string;
    readonly export: string;
    readonly withThumbnails: string;
    readonly clear: string;
    readonly clearAgain: string;
    /** Title of the exported Markdown. */
    readonly about: (model: string) => string;
  };
  readonly model: {
    readonly model: string;
    readonly other: string;
    readonly folder: string;
    readonly id: string;
    readonly check: string;
    readonly folderHint: string;
    readonly folderChosen: (name: string) => string;
    readonly chooseFolder: string;
    readonly chooseOtherFolder: string;
    readonly dtype: string;
    readonly device: string;
    readonly auto: string;
    readonly checking: string;
    readonly cancel: string;
    readonly load: string;
    readonly download: (amount: string) => string;
    readonly tryAgain: string;
    readonly loading: string;
    readonly toDownload: string;
    readonly nothing: string;
    readonly stored: string;
    readonly freeStorage: string;
    readonly adapter: string;
    readonly withHalf: (adapter: string) => string;
    readonly withoutHalf: (adapter: string) => string;
    readonly files: (count: number, amount: string) => string;
    readonly file: string;
    readonly size: string;
    readonly kept: string;
    readonly complete: string;
    readonly precision: (dtypes: string) => string;
    readonly noDtype: string;
    readonly graphs: Readonly<Record<Graph, string>>;
    readonly memory: (amount: string) => string;
    readonly weights: string;
    readonly activations: string;
    readonly cache: (tokens: string) => string;
    readonly licence: string;
    readonly accept: string;
    /** Announced when a model was checked. */
    readonly summary: (name: string, amount: string) => string;
  };
  readonly stored: {
    readonly delete: string;
    readonly deleteModel: (name: string) => string;
    readonly metadataOnly: (amount: string) => string;
    readonly incomplete: (amount: string) => string;
  };
  readonly image: {
    readonly prompt: string;
    readonly size: string;
    readonly modelSize: string;
    readonly pixels: (size: number) => string;
    readonly tokens: (tokens: string) => string;
    readonly trained: (name: string, size: number) => string;
    readonly otherSize: string;
    readonly fit: string;
    readonly fits: {
      readonly letterbox: string;
      readonly crop: string;
      readonly stretch: string;
    };
    readonly promptStyle: string;
    readonly promptStyles: {
      readonly reference: string;
      readonly demo: string;
    };
    readonly background: string;
    readonly backgroundHint: string;
    readonly anyres: string;
  };
  readonly performance: {
    /** Shown before the first caption. */
    readonly noFigures: string;
    readonly parts: {
      readonly wait: string;
      readonly preprocess: string;
      readonly encode: string;
      readonly prefill: string;
      readonly firstDecode: string;
      readonly paint: string;
    };
    readonly ttft: string;
    readonly fromFrame: string;
    readonly tokensPerSecond: string;
    readonly age: string;
    readonly dropped: string;
    readonly trend: string;
    readonly trendLabel: (frames: number, median: string) => string;
    readonly gate: string;
    readonly everyFrame: string;
    readonly gated: (
      unchanged: number,
      frames: number,
      percent: string,
    ) => string;
    readonly draft: string;
    readonly drafts: { readonly live: string; readonly off: string };
    readonly facts: {
      readonly title: string;
      readonly model: string;
      readonly device: string;
      readonly adapter: string;
      readonly backend: string;
      readonly dtype: string;
      readonly weights: string;
      readonly memory: string;
      readonly gpuParts: string;
      readonly imageTokens: string;
    };
    readonly gpuMemory: (gpu: string, wasm: string) => string;
    /** Sizes of the weights, the KV cache, the logits, ONNX Runtime's buffers and the
     * others. */
    readonly gpuParts: (sizes: readonly string[]) => string;
    readonly tokensAt: (tokens: number, size: number) => string;
    readonly export: string;
  };
  readonly tag: {
    readonly intro: string;
    /** Names the command that copies the files of the package. */
    readonly files: string;
    readonly copy: string;
    readonly copied: string;
    readonly copyFailed: string;
    readonly licence: (name: string) => string;
    readonly localFolder: string;
  };
}

export const panelEnglish: PanelTexts = {
  lang: "en",
  conversation: {
    title: "Conversation",
    question: "Question",
    placeholder: "Ask about the picture",
    ask: "Ask",
    stop: "Stop",
    questions: "Questions to try",
    thumbnail: "The picture in question",
    waiting: "Looking at the picture…",
    stopped: "stopped",
    cutOff: "cut off at the maximum length",
    firstWord: (time) => `${time} to the first word`,
    askAgain: "Ask again",
    edit: "Edit",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "Not copied",
    export: "Export",
    withThumbnails: "With thumbnails",
    clear: "Clear",
    clearAgain: "Press again to clear",
    about: (model) => `Conversation with ${model}`,
  },
  model: {
    model: "Model",
    other: "Other (hub id or URL)",
    folder: "Local folder",
    id: "Hub id or URL",
    check: "Check",
    folderHint:
      "A folder with config.json, the tokenizer files and onnx/. You can also drop it on the page. Its files are not copied.",
    folderChosen: (name) => `Folder “${name}”. Its files are not copied.`,
    chooseFolder: "Choose folder",
    chooseOtherFolder: "Choose another folder",
    dtype: "Precision",
    device: "Device",
    auto: "Auto",
    checking: "Checking the model…",
    cancel: "Cancel",
    load: "Load model",
    download: (amount) => `Download model (${amount})`,
    tryAgain: "Try again",
    loading: "Loading the model",
    toDownload: "Download",
    nothing: "nothing",
    stored: "Already stored",
    freeStorage: "Available storage",
    adapter: "Adapter",
    withHalf: (adapter) => `${adapter}, with half precision`,
    withoutHalf: (adapter) => `${adapter}, without half precision`,
    files: (count, amount) => `${count} files, ${amount}`,
    file: "File",
    size: "Size",
    kept: "Stored",
    complete: "complete",
    precision: (dtypes) => `Precision: ${dtypes}`,
    noDtype: "no supported dtype",
    graphs: {
      vision_encoder: "Encoder",
      embed_tokens: "Embeddings",
      decoder_model_merged: "Decoder",
    },
    memory: (amount) => `Memory, about ${amount}`,
    weights: "Weights",
    activations: "Image and prompt at this size",
    cache: (tokens) => `KV cache of ${tokens} tokens`,
    licence: "Licence:",
    accept: "I have read and accept the licence.",
    summary: (name, amount) => `${name}: ${amount} to download.`,
  },
  stored: {
    delete: "Delete",
    deleteModel: (name) => `Delete ${name}`,
    metadataOnly: (amount) => `${amount}, metadata only`,
    incomplete: (amount) => `${amount}, incomplete`,
  },
  image: {
    prompt: "Prompt of the live captions",
    size: "Image size",
    modelSize: "Model default",
    pixels: (size) => `${size} px`,
    tokens: (tokens) => `${tokens} image tokens.`,
    trained: (name, size) => `${name} was trained at ${size} px.`,
    otherSize: "Other sizes lose detail or take longer.",
    fit: "Fit",
    fits: {
      letterbox: "Letterbox",
      crop: "Centre crop",
      stretch: "Stretch",
    },
    promptStyle: "Prompt style",
    promptStyles: { reference: "Reference", demo: "Demo" },
    background: "Background",
    backgroundHint: "Behind the transparent pixels of an image.",
    anyres:
      "AnyRes, for documents: also encodes the four quarters of the image, with five times the image tokens",
  },
  performance: {
    noFigures: "The figures appear with the first caption.",
    parts: {
      wait: "Wait",
      preprocess: "Preprocess",
      encode: "Encode",
      prefill: "Prefill",
      firstDecode: "First decode",
      paint: "Paint",
    },
    ttft: "Time to first token",
    fromFrame: "From captured frame to first token on screen",
    tokensPerSecond: "Tokens per second",
    age: "Caption age",
    dropped: "Dropped frames",
    trend: "Time to first token, last 60 frames",
    trendLabel: (frames, median) =>
      `Time to first token of the last ${frames} frames, median ${median}`,
    gate: "Change threshold",
    everyFrame: "Every frame is encoded.",
    gated: (unchanged, frames, percent) =>
      `${unchanged} of ${frames} frames were not encoded, because no part of them changed by ${percent} or more.`,
    draft: "Draft",
    drafts: { live: "Previous caption", off: "Off" },
    facts: {
      title: "Model in use",
      model: "Model",
      device: "Device",
      adapter: "Adapter",
      backend: "Backend",
      dtype: "Precision",
      weights: "Weights",
      memory: "Memory",
      gpuParts: "On the GPU",
      imageTokens: "Image tokens",
    },
    gpuMemory: (gpu, wasm) => `${gpu} GPU, ${wasm} WASM`,
    gpuParts: ([weights, cache, logits, runtime, other]) =>
      `${weights} weights, ${cache} KV cache, ${logits} logits, ${runtime} intermediate tensors, ${other} other`,
    tokensAt: (tokens, size) => `${tokens} at ${size} px`,
    export: "Export the timings",
  },
  tag: {
    intro: "A page with what is chosen here.",
    files: "Files beside your page",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "Not copied",
    licence: (name) =>
      `Your visitors have to accept the licence first: ${name}`,
    localFolder:
      "The folder on this device is not part of the tag: serve it, and put its URL into model.",
  },
};
