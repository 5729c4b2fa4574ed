import { byteLength, fillElements } from "../../tools/cli/synthetic/fill.mjs";
import type { Fill } from "../../tools/cli/synthetic/fill.mjs";
import type { LocalFile, ModelSource } from "../../src/shared/models";

type Placed = Fill & { readonly offset: number };

interface Recipe {
  readonly files: Readonly<Record<string, readonly Placed[]>>;
}

const shapes = new URL("../../tools/synthetic/vector.json", import.meta.url);
/** Bytes of weights that are generated at once. */
const CHUNK = 1 << 24;

/** The folder of a model with synthetic weights, as written by
 * `node tools/cli/synthetic/synthetic.mjs`, generated in memory. */
export async function syntheticModel(
  name: string,
): Promise<Extract<ModelSource, { kind: "folder" }>> {
  const open = async (path: string): Promise<Blob> => {
    const response = await fetch(new URL(path, shapes));
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
    return response.blob();
  };
  const folder = `models/${name}`;
  const paths = {
    "config.json": `${folder}/config.json`,
    "generation_config.json": `${folder}/generation_config.json`,
    "preprocessor_config.json": `${folder}/preprocessor_config.json`,
    "tokenizer.json": "tokenizer/tokenizer.json",
    "tokenizer_config.json": "tokenizer/tokenizer_config.json",
  };
  const files: LocalFile[] = [];
  for (const [path, from] of Object.entries(paths)) {
    files.push({ path, file: await open(from) });
  }
  const recipe = await (await open(`${folder}/fill.json`)).text();
  const { files: external } = JSON.parse(recipe) as Recipe;
  for (const [location, fills] of Object.entries(external)) {
    const graph = `onnx/${location.replace(/_data$/, "")}`;
    files.push({ path: graph, file: await open(`${folder}/${graph}`) });
    files.push({ path: `onnx/${location}`, file: filled(fills) });
  }
  return { kind: "folder", name, files };
}

function filled(fills: readonly Placed[]): Blob {
  const parts: Blob[] = [];
  let end = 0;
  for (const fill of fills) {
    parts.push(new Blob([new Uint8Array(fill.offset - end)]));
    const bytes = byteLength(fill);
    for (let at = 0; at < bytes; at += CHUNK) {
      const part = new Uint8Array(Math.min(CHUNK, bytes - at));
      fillElements(part, fill, (at * fill.count) / bytes);
      parts.push(new Blob([part]));
    }
    end = fill.offset + bytes;
  }
  return new Blob(parts);
}
