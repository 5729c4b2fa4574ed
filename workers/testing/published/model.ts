import tokenizer from "../../../tools/synthetic/tokenizer/tokenizer.json" with { type: "json" };
import tokenizerConfig from "../../../tools/synthetic/tokenizer/tokenizer_config.json" with { type: "json" };
import {
  extend,
  extendConfig,
} from "../../../tools/cli/synthetic/tokenizer.mjs";
import type { Dtype, Graph } from "../../../src/shared/models";
import { eachGraph, graphFile } from "../../model-files/manifest";
import { DecoderBuilder } from "../decoder-builder";
import { GraphBuilder, value } from "../graph-builder";
import { onnxFile, type OnnxFile } from "../onnx-file";
import { convert } from "./precision";
import { PublishedEncoder } from "./encoder";

/** Ids and sizes of the published FastVLM-0.5B. */
const [END_OF_TEXT, IM_END, IMAGE] = [151_643, 151_645, 151_646];
const [VOCABULARY, CONTEXT] = [151_936, 32_768];
/** Sizes of this small model. */
const [HIDDEN, HEADS, KV_HEADS, HEAD_DIM] = [64, 4, 2, 16];
const [LAYERS, FFN, SIZE] = [2, 96, 128];

/** Smaller weights stay in the graph. */
const EXTERNAL_BYTES = 1024;

/** Ids that the model generates, all over the vocabulary. Few, so that the largest
 * logit stands out: in each dtype it is the same. */
const GENERATED = new Set(
  Array.from({ length: 20 }, (_, i) => 151_628 - 7581 * i),
);
/** Factor of the logits of all others. */
const QUIET = 0.1;

/** A small model in the form of onnx-community/FastVLM-0.5B-ONNX. */
export class PublishedModel {
  readonly #graphs = eachGraph((graph) => graphs[graph]());

  /** All files of the folder, with the graphs in these dtypes. */
  async files(
    dtypes: readonly Dtype[],
    external = false,
  ): Promise<Map<string, Blob>> {
    const files = new Map(configFiles(external));
    for (const [graph, original] of Object.entries(this.#graphs)) {
      for (const dtype of dtypes) {
        const converted = await convert(original, dtype);
        const path = graphFile(graph as Graph, dtype);
        const [name = ""] = path.split("/").slice(-1);
        const file = external ? withExternalData(converted, name) : converted;
        files.set(path, onnxFile(file));
        const data = file.weights.filter(({ location }) => location);
        if (data.length === 0) continue;
        const parts = data.map((weight) => weight.data);
        files.set(`${path}_data`, new Blob(parts));
      }
    }
    return files;
  }
}

const graphs: Readonly<Record<Graph, () => OnnxFile>> = {
  vision_encoder: () => new PublishedEncoder(HIDDEN).graph(),
  embed_tokens: () => {
    const graph = new GraphBuilder();
    const table = graph.random("weight", [IMAGE + 1, HIDDEN], 1.7);
    graph.op("Gather", [table, "input_ids"], {}, "", ["inputs_embeds"]);
    const sizes = ["batch_size", "sequence_length"];
    return graph.model(
      [{ name: "input_ids", type: "int64", shape: sizes }],
      [value("inputs_embeds", [...sizes, HIDDEN])],
    );
  },
  decoder_model_merged: () => {
    const loudness = (word: number) => (GENERATED.has(word) ? 1 : QUIET);
    const sizes = {
      ...{ hidden: HIDDEN, heads: HEADS, kvHeads: KV_HEADS, headDim: HEAD_DIM },
      ...{ ffn: FFN, layers: LAYERS, words: IMAGE, positions: CONTEXT },
      loudness,
    };
    return new DecoderBuilder({}, sizes).graph();
  },
};

function withExternalData(graph: OnnxFile, name: string): OnnxFile {
  let offset = 0;
  const weights = graph.weights.map((weight) => {
    if (weight.data.size < EXTERNAL_BYTES) return weight;
    const placed = { ...weight, location: `${name}_data`, offset };
    offset += weight.data.size;
    return placed;
  });
  return { ...graph, weights };
}

function* configFiles(external: boolean): Generator<[string, Blob]> {
  const merges = tokenizer.model.merges as [string, string][];
  const model = { ...tokenizer.model, merges };
  const files: Readonly<Record<string, unknown>> = {
    "config.json": {
      architectures: ["LlavaQwen2ForCausalLM"],
      model_type: "llava_qwen2",
      attention_dropout: 0.0,
      bos_token_id: END_OF_TEXT,
      eos_token_id: IM_END,
      hidden_act: "silu",
      hidden_size: HIDDEN,
      image_aspect_ratio: "pad",
      image_token_index: IMAGE,
      intermediate_size: FFN,
      max_position_embeddings: CONTEXT,
      mm_hidden_size: 3072,
      mm_patch_merge_type: "flat",
      mm_projector_type: "mlp2x_gelu",
      mm_vision_tower: "mobileclip_l_1024",
      num_attention_heads: HEADS,
      num_hidden_layers: LAYERS,
      num_key_value_heads: KV_HEADS,
      rms_norm_eps: 1e-6,
      rope_theta: 10000.0,
      tie_word_embeddings: false,
      torch_dtype: "bfloat16",
      use_cache: true,
      vocab_size: VOCABULARY,
      ...(external && {
        "transformers.js_config": { use_external_data_format: true },
      }),
    },
    "generation_config.json": {
      bos_token_id: END_OF_TEXT,
      eos_token_id: IM_END,
      do_sample: true,
      temperature: null,
    },
    "preprocessor_config.json": {
      crop_size: { height: SIZE, width: SIZE },
      do_center_crop: true,
      do_convert_rgb: true,
      do_normalize: true,
      do_rescale: true,
      do_resize: true,
      image_mean: [0, 0, 0],
      image_processor_type: "CLIPImageProcessor",
      image_std: [1, 1, 1],
      processor_class: "LlavaProcessor",
      resample: 3,
      rescale_factor: 1 / 255,
      size: { shortest_edge: SIZE },
    },
    "processor_config.json": {
      image_token: "<image>",
      num_additional_image_tokens: 0,
      patch_size: 64,
      processor_class: "LlavaProcessor",
    },
    "tokenizer.json": extend({ ...tokenizer, model }, END_OF_TEXT),
    "tokenizer_config.json": extendConfig(tokenizerConfig, END_OF_TEXT, 8192),
  };
  for (const [path, content] of Object.entries(files)) {
    yield [path, new Blob([JSON.stringify(content, null, 2)])];
  }
}
