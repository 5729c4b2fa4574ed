import { createSession, type OrtSession } from "../ort/session";
import type { Tensors, Tensor } from "../ort/tensor";
import { mismatch } from "../model-files/config";
import { EmbeddingRows } from "../model-files/embedding-rows";
import {
  embeddingTable,
  EMBEDDINGS,
  TOKEN_IDS,
  type EmbeddingTable,
} from "../model-files/embedding-table";
import type { OnnxGraph } from "../onnx/onnx-reader";

/** Runs the embed_tokens graph. */
export interface Embedder {
  /** Token ids → [1, ids, hidden], in CPU memory. */
  embed(ids: readonly number[]): Promise<Tensor>;
  release(): Promise<void>;
}

/**
 * A caption needs a few dozen rows of a table of half a gigabyte. A graph that
 * only looks rows up is not run: its rows are read from the file. Any other
 * graph runs on the CPU.
 */
export async function openEmbedding(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  tensors: Tensors,
): Promise<Embedder> {
  const table = embeddingTable(graph);
  if (table === undefined) {
    const session = await createSession(graph, external, undefined);
    return new SessionEmbedder(session, tensors);
  }
  const rows = new EmbeddingRows(graph, external, table);
  return new FileEmbedder(graph.file, table, rows, tensors);
}

class FileEmbedder implements Embedder {
  readonly #file: string;
  readonly #table: EmbeddingTable;
  readonly #rows: EmbeddingRows;
  readonly #tensors: Tensors;

  constructor(
    file: string,
    table: EmbeddingTable,
    rows: EmbeddingRows,
    tensors: Tensors,
  ) {
    this.#file = file;
    this.#table = table;
    this.#rows = rows;
    this.#tensors = tensors;
  }

  async embed(ids: readonly number[]): Promise<Tensor> {
    const { rows, width } = this.#table;
    const invalid = ids.find((id) => id < 0 || id >= rows);
    if (invalid !== undefined) {
      throw mismatch(
        `${this.#file} has ${rows} rows; token ${invalid} is out of range.`,
      );
    }
    const values = await this.#rows.read(ids);
    return this.#tensors.floats(values, [1, ids.length, width]);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

class SessionEmbedder implements Embedder {
  readonly #session: OrtSession;
  readonly #tensors: Tensors;

  constructor(session: OrtSession, tensors: Tensors) {
    this.#session = session;
    this.#tensors = tensors;
  }

  async embed(ids: readonly number[]): Promise<Tensor> {
    const feeds = { [TOKEN_IDS]: this.#tensors.int64(ids) };
    return (await this.#session.run(feeds, [EMBEDDINGS])).get(EMBEDDINGS);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
