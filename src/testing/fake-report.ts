import type {
  Dtype,
  GraphDtypes,
  GraphFiles,
  ModelFile,
  ModelReport,
  ModelSource,
} from "../shared/models";
import type { LoadOptions } from "../shared/protocol";

export const fakeDtypes: GraphDtypes = {
  vision_encoder: "fp32",
  embed_tokens: "fp16",
  decoder_model_merged: "q4",
};

/** A short description of a source. */
export function sourceName(source: ModelSource): string {
  if (source.kind === "url") return source.url;
  if (source.kind === "folder") return source.name;
  const { endpoint, id, revision } = source;
  const host = new URL(endpoint).host;
  return `${id}${revision === "main" ? "" : `@${revision}`} on ${host}`;
}

/** The report of a model of half a billion parameters. */
export function fakeReport({ model }: LoadOptions): ModelReport {
  const files = [
    file("config.json", 2_100, 2_100),
    file("tokenizer.json", 11_400_000, 0),
    file("onnx/vision_encoder.onnx", 505_000_000, 505_000_000),
    file("onnx/embed_tokens_fp16.onnx", 272_000_000, 90_000_000),
    file("onnx/decoder_model_merged_q4.onnx", 317_000_000, 0),
  ];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const kept = files.reduce((sum, file) => sum + file.kept, 0);
  return {
    name: "fake",
    source: sourceName(model),
    layers: 24,
    hidden: 896,
    size: 1024,
    multiTurn: true,
    questions: ["Describe the image.", "Read the text in the image."],
    sizes: [256, 512, 768, 1024],
    contextLength: 32_768,
    device: "wasm",
    deviceReason: "The adapter is a software one, which is slower than WASM.",
    adapter: "CPU, 1 thread",
    halfPrecision: false,
    graphs: {
      vision_encoder: graph("vision_encoder", { fp32: 505, q4: 290 }),
      embed_tokens: graph("embed_tokens", { fp32: 544, fp16: 272 }),
      decoder_model_merged: graph("decoder_model_merged", { q4: 317 }),
    },
    recommended: fakeDtypes,
    reasons: {
      vision_encoder: "fp32: the most exact that runs here.",
      embed_tokens: "fp16: half the bytes of fp32, and only looked up.",
      decoder_model_merged: "q4: a quarter of the bytes to read for a token.",
    },
    chosen: {
      dtypes: fakeDtypes,
      files,
      bytes,
      missing: bytes - kept,
      memory: {
        ...{ weights: bytes, activations: 210_000_000, cache: 50_000_000 },
        ...{ contextTokens: 2_048, total: bytes + 260_000_000 },
      },
    },
    storage: { free: 5_000_000_000, persistent: false },
  };
}

function file(path: string, bytes: number, kept: number): ModelFile {
  return { path, bytes, kept };
}

function graph(
  name: string,
  sizes: Partial<Record<Dtype, number>>,
): GraphFiles[] {
  return Object.entries(sizes).map(([dtype, size]) => {
    const suffix = dtype === "fp32" ? "" : `_${dtype}`;
    const files = [file(`onnx/${name}${suffix}.onnx`, size * 1e6, 0)];
    return { dtype: dtype as Dtype, files, bytes: size * 1e6 };
  });
}
