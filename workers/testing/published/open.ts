import type { Dtype, Graph } from "../../../src/shared/models";
import { readConfig } from "../../model-files/config";
import { eachGraph, graphFile } from "../../model-files/manifest";
import { readOnnx } from "../../onnx/onnx-reader";
import type { ModelGraphs } from "../open-backends";
import { PublishedModel } from "./model";

const model = new PublishedModel();

/** The small model in the published form, read from memory. */
export async function openPublishedModel(
  dtype: Dtype,
  external = false,
): Promise<ModelGraphs> {
  const files = await model.files([dtype], external);
  const json = new Map<string, unknown>();
  for (const path of ["config.json", "tokenizer_config.json"]) {
    json.set(path, JSON.parse((await files.get(path)?.text()) ?? ""));
  }
  const open = async (name: Graph) => {
    const path = graphFile(name, dtype);
    const graph = await readOnnx(path, files.get(path) ?? new Blob());
    const external = new Map(
      graph.externalFiles.map((file) => [
        file,
        files.get(`onnx/${file}`) ?? new Blob(),
      ]),
    );
    return { graph, external };
  };
  const graphs = eachGraph(open);
  return {
    graphs: {
      vision_encoder: await graphs.vision_encoder,
      embed_tokens: await graphs.embed_tokens,
      decoder_model_merged: await graphs.decoder_model_merged,
    },
    config: readConfig((path) => json.get(path)),
  };
}
