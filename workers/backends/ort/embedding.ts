import { createSession, type Session } from "../../ort/session";
import type { Memory, Tensor } from "../../ort/tensor";
import { mismatch } from "../../model-files/config";
import { EmbeddingRows } from "../../model-files/embedding-rows";
import {
  embeddingTable,
  type EmbeddingTable,
} from "../../model-files/embedding-table";
import type { OnnxGraph } from "../../onnx/onnx-reader";

/** Token ids → their embeddings: embed_tokens, however it is run. */
export interface Embedder {
  /** [1, ids, hidden], on the processor. */
  embed(ids: readonly number[]): Promise<Tensor>;
  release(): Promise<void>;
}

/**
 * Of half a gigabyte of table a caption needs a few dozen rows. Where the graph
 * only looks them up they are read from the file, and the table is never in
 * memory; else the graph runs on the processor.
 */
export async function openEmbedding(
  graph: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
  memory: Memory,
): Promise<Embedder> {
  const table = embeddingTable(graph);
  if (table === undefined) {
    const session = await createSession(graph, external, undefined);
    return new SessionEmbedder(graph, session, memory);
  }
  const rows = new EmbeddingRows(graph, external, table);
  return new TableEmbedder(graph.file, table, rows, memory);
}

class TableEmbedder implements Embedder {
  readonly #file: string;
  readonly #table: EmbeddingTable;
  readonly #rows: EmbeddingRows;
  readonly #memory: Memory;

  constructor(
    file: string,
    table: EmbeddingTable,
    rows: EmbeddingRows,
    memory: Memory,
  ) {
    this.#file = file;
    this.#table = table;
    this.#rows = rows;
    this.#memory = memory;
  }

  async embed(ids: readonly number[]): Promise<Tensor> {
    const { rows, width } = this.#table;
    const beyond = ids.find((id) => id < 0 || id >= rows);
    if (beyond !== undefined) {
      throw mismatch(
        `${this.#file} has ${rows} rows, and none for the token ${beyond}.`,
      );
    }
    const numbers = await this.#rows.read(ids);
    return this.#memory.floats(numbers, [1, ids.length, width]);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

class SessionEmbedder implements Embedder {
  readonly #graph: OnnxGraph;
  readonly #session: Session;
  readonly #memory: Memory;

  constructor(graph: OnnxGraph, session: Session, memory: Memory) {
    this.#graph = graph;
    this.#session = session;
    this.#memory = memory;
  }

  async embed(ids: readonly number[]): Promise<Tensor> {
    const { inputs, outputs } = this.#graph;
    const feeds = { [inputs[0]?.name ?? ""]: this.#memory.int64(ids) };
    return (await this.#session.run(feeds)).get(outputs[0]?.name ?? "");
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}
