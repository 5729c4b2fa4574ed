import type { Graph, GraphDtypes } from "../../src/shared/models";
import type { WorkerEvent } from "../../src/shared/protocol";
import { missing } from "../util/file-errors";
import type { Progress } from "../store/progress";
import { filesOf, type ModelMetadata } from "./model-metadata";
import type { GraphSource } from "../backends/backend";
import { checkGraph } from "../model-files/graph-contract";
import { checkTogether } from "../model-files/vocabulary-contract";
import { eachGraph, graphFile, GRAPHS } from "../model-files/manifest";
import { readOnnx, type OnnxGraph } from "../onnx/onnx";

export type Emit = (event: WorkerEvent) => void;

/** A model on disk, verified; nothing of its weights is in memory. */
export interface Downloaded {
  /** All files, by path. */
  readonly blobs: ReadonlyMap<string, Blob>;
  readonly graphs: Record<Graph, GraphSource>;
  /** Of the graphs, their external data included. */
  readonly bytes: number;
  /** Of all files. */
  readonly loaded: number;
}

/** Downloads what is not there yet and checks the graphs against `found`. */
export async function downloadGraphs(
  found: ModelMetadata,
  dtypes: GraphDtypes,
  signal: AbortSignal,
  emit: Emit,
): Promise<Downloaded> {
  let done: Progress | undefined;
  const fetch = async (paths: readonly string[]) => {
    const before = done;
    return found.folder.fetch(paths, signal, (progress) => {
      done = together(before, progress);
      emit({ type: "progress", phase: "loading", ...done });
    });
  };
  const paths = filesOf(found, dtypes).map(({ path }) => path);
  const blobs = new Map(await fetch(paths));
  const parsed = new Map<Graph, OnnxGraph>();
  for (const graph of GRAPHS) {
    const file = graphFile(graph, dtypes[graph]);
    parsed.set(graph, await readOnnx(file, blobOf(blobs, file, found)));
  }
  const external = [...parsed.values()].flatMap((graph) =>
    graph.externalFiles.map((name) => beside(graph, name)),
  );
  const unusual = external.filter((path) => !blobs.has(path));
  if (unusual.length > 0) {
    await statAll(found, unusual, signal);
    for (const [path, blob] of await fetch(unusual)) blobs.set(path, blob);
  }
  const graphs = eachGraph((name): GraphSource => {
    const graph = parsed.get(name);
    if (graph === undefined) throw missing(name, found.folder.name);
    const data = graph.externalFiles.map(
      (file) => [file, blobOf(blobs, beside(graph, file), found)] as const,
    );
    return { graph, external: new Map(data) };
  });
  checkTogether(eachGraph((graph) => graphs[graph].graph));
  for (const name of GRAPHS) {
    checkGraph(name, graphs[name].graph, found.config);
  }
  const weights = Object.values(graphs).flatMap(({ graph, external }) => [
    graph.blob,
    ...external.values(),
  ]);
  const bytes = weights.reduce((sum, blob) => sum + blob.size, 0);
  const all = [...blobs.values()];
  const loaded = all.reduce((sum, blob) => sum + blob.size, 0);
  return { blobs, graphs, bytes, loaded };
}

/** Progress of a second download goes on where the first ended. */
function together(before: Progress | undefined, now: Progress): Progress {
  if (before === undefined) return now;
  return {
    ...now,
    loaded: before.loaded + now.loaded,
    total: now.total === 0 ? 0 : before.total + now.total,
  };
}

/** Graphs name the files of their data as seen from their own folder. */
function beside({ file }: OnnxGraph, name: string): string {
  return file.slice(0, file.lastIndexOf("/") + 1) + name;
}

async function statAll(
  { folder }: ModelMetadata,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const present = await folder.stat(paths, signal);
  const absent = paths.find((path) => !present.has(path));
  if (absent !== undefined) throw missing(absent, folder.name);
}

function blobOf(
  blobs: ReadonlyMap<string, Blob>,
  path: string,
  { folder }: ModelMetadata,
): Blob {
  const blob = blobs.get(path);
  if (blob === undefined) throw missing(path, folder.name);
  return blob;
}
