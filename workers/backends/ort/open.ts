import type { Graph } from "../../../src/shared/models";
import type { Backend, GraphSource, OnStep } from "../backend";
import { createSession, type OrtSession } from "../../ort/session";
import type { Tensors } from "../../ort/tensor";
import { keepLastRow } from "../../onnx/last-row";
import { openEmbedding } from "../embedding";
import { OrtEncoder } from "./encoder";
import { OrtLanguage, type CacheHeads } from "./language";

/** The reference backend: ORT sessions of the published graphs. */
export interface OrtBackend extends Backend {
  readonly encoder: OrtEncoder;
  readonly language: OrtLanguage;
}

/**
 * Creates the sessions one after another, because ONNX Runtime cannot create
 * two at once. On failure the sessions created so far are released.
 */
export async function openOrtBackend(
  graphs: Readonly<Record<Graph, GraphSource>>,
  tensors: Tensors,
  heads: CacheHeads,
  onStep: OnStep,
): Promise<OrtBackend> {
  const opened: { release(): Promise<void> }[] = [];
  const create = async (
    name: Graph,
    edit?: typeof keepLastRow,
  ): Promise<OrtSession> => {
    onStep(opened.length, 3);
    const { graph, external } = graphs[name];
    const session = await createSession(graph, external, tensors.gpu, edit);
    opened.push(session);
    return session;
  };
  try {
    const vision = await create("vision_encoder");
    const decoder = await create("decoder_model_merged", keepLastRow);
    onStep(opened.length, 3);
    const { graph, external } = graphs.embed_tokens;
    const embedder = await openEmbedding(graph, external, tensors);
    return {
      encoder: new OrtEncoder(vision, tensors),
      language: new OrtLanguage(embedder, decoder, tensors, heads),
    };
  } catch (error) {
    for (const session of opened) await session.release();
    throw error;
  }
}
