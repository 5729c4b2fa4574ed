import type { Graph, GraphDtypes } from "../../src/shared/models";
import { graphNames } from "../../src/shared/options";
import type { GraphSource } from "../backends/backend";
import { checkGraph } from "../model-files/graph-contract";
import { eachGraph, graphFile } from "../model-files/manifest";
import { checkTogether } from "../model-files/vocabulary-contract";
import { siblingPath } from "../onnx/external-data";
import { readOnnx, type OnnxGraph } from "../onnx/onnx-reader";
import type { Progress } from "../store/progress";
import { defined } from "../util/assert";
import { missing } from "../util/file-errors";
import { filesOf, type ModelMetadata } from "./model-metadata";

/** A model on disk, with checked graphs. Its weights are not in memory. */
export interface DownloadedModel {
  /** All files by path. */
  readonly blobs: ReadonlyMap<string, Blob>;
  readonly graphs: Record<Graph, GraphSource>;
  /** Bytes of the graphs and their external data. */
  readonly bytes: number;
}

/** Downloads the files that are not on disk and checks the graphs against the
 * model's configuration. */
export async function downloadGraphs(
  metadata: ModelMetadata,
  dtypes: GraphDtypes,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<DownloadedModel> {
  const { folder } = metadata;
  let done: Progress | undefined;
  const fetch = (paths: readonly string[]) => {
    const before = done;
    return folder.fetch(paths, signal, (progress) => {
      done = addProgress(before, progress);
      onProgress(done);
    });
  };
  const paths = filesOf(metadata, dtypes).map(({ path }) => path);
  const blobs = new Map(await fetch(paths));
  const blobAt = (path: string): Blob => {
    const blob = blobs.get(path);
    if (blob === undefined) throw missing(path, folder.name);
    return blob;
  };

  const parsed = new Map<Graph, OnnxGraph>();
  for (const graph of graphNames) {
    const file = graphFile(graph, dtypes[graph]);
    parsed.set(graph, await readOnnx(file, blobAt(file)));
  }
  // External data under other names than the usual is known only now.
  const external = [...parsed.values()].flatMap((graph) =>
    graph.externalFiles.map((name) => siblingPath(graph.file, name)),
  );
  const unusual = external.filter((path) => !blobs.has(path));
  if (unusual.length > 0) {
    const present = await folder.stat(unusual, signal);
    const absent = unusual.find((path) => !present.has(path));
    if (absent !== undefined) throw missing(absent, folder.name);
    for (const [path, blob] of await fetch(unusual)) blobs.set(path, blob);
  }

  const graphs = eachGraph((each): GraphSource => {
    const graph = defined(parsed.get(each), each);
    const data = graph.externalFiles.map(
      (name) => [name, blobAt(siblingPath(graph.file, name))] as const,
    );
    return { graph, external: new Map(data) };
  });
  checkTogether(eachGraph((graph) => graphs[graph].graph));
  for (const name of graphNames) {
    checkGraph(name, graphs[name].graph, metadata.config);
  }
  const weights = Object.values(graphs).flatMap(({ graph, external }) => [
    graph.blob,
    ...external.values(),
  ]);
  // Graphs may share a file.
  return { blobs, graphs, bytes: totalSize(new Set(weights)) };
}

/** Continues the progress of a first download with that of a second. */
function addProgress(before: Progress | undefined, now: Progress): Progress {
  if (before === undefined) return now;
  return {
    ...now,
    loaded: before.loaded + now.loaded,
    total: now.total === 0 ? 0 : before.total + now.total,
  };
}

function totalSize(blobs: Iterable<Blob>): number {
  let bytes = 0;
  for (const { size } of blobs) bytes += size;
  return bytes;
}
