import type { Graph } from "../../../src/shared/models";
import { openEmbedding } from "./embedding";
import type { GraphSource, Backend } from "../backend";
import { createSession, type Session } from "../../ort/session";
import type { Memory } from "../../ort/tensor";
import { OrtEncoder } from "./encoder";
import type { CacheHeads } from "./kv-cache";
import { OrtLanguage } from "./language";

/** The published graphs, run by ONNX Runtime. */
export interface OrtBackend extends Backend {
  readonly encoder: OrtEncoder;
  readonly language: OrtLanguage;
}

/**
 * Sessions one after another: the runtime cannot make two at once. `next` is
 * called before each and may throw. Leaves nothing behind if any of it fails.
 */
export async function openOrtBackend(
  graphs: ReadonlyMap<Graph, GraphSource>,
  memory: Memory,
  heads: CacheHeads,
  next: () => void,
): Promise<OrtBackend> {
  const made: { release(): Promise<void> }[] = [];
  const keep = <T extends { release(): Promise<void> }>(one: T): T => {
    made.push(one);
    return one;
  };
  const take = (name: Graph): GraphSource => {
    next();
    const source = graphs.get(name);
    if (source === undefined) throw new Error(`There is no ${name}`);
    return source;
  };
  const create = async (name: Graph): Promise<Session> => {
    const { graph, external } = take(name);
    return keep(await createSession(graph, external, memory.gpu));
  };
  try {
    const vision = await create("vision_encoder");
    const decoder = await create("decoder_model_merged");
    const { graph, external } = take("embed_tokens");
    const embedder = keep(await openEmbedding(graph, external, memory));
    return {
      encoder: new OrtEncoder(vision, memory),
      language: new OrtLanguage(embedder, decoder, memory, heads),
    };
  } catch (error) {
    for (const one of made) await one.release();
    throw error;
  }
}
