// @ts-check
/**
 * Writes a model of true shapes with made weights: tools/shapes has its graphs
 * and says how each tensor is filled. Needs Node and nothing else.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { byteLength, elementBytes, fillElements } from "./made-fill.mjs";
import { inline, lengthOf } from "./made-onnx.mjs";
import { extend, extendConfig } from "./made-tokenizer.mjs";

/**
 * @typedef {import("./made-fill.mjs").Fill} Fill
 * @typedef {import("./made-onnx.mjs").Piece} Piece
 * @typedef {import("./made-tokenizer.mjs").TokenizerJson} TokenizerJson
 * @typedef {import("./made-tokenizer.mjs").TokenizerConfig} TokenizerConfig
 * @typedef {Fill & { tensor: string, offset: number }} Placed
 * @typedef {object} Recipe fill.json
 * @property {string[]} graphs written unless others are asked for
 * @property {number | null} special first id of the special tokens
 * @property {number} context
 * @property {Record<string, Placed[]>} files by name
 */

const shapes = join(dirname(fileURLToPath(import.meta.url)), "../shapes");
const models = join(shapes, "models");
/** Names of models that can be made. */
export const madeNames = readdirSync(models);
/** Bytes made and written at once. */
const CHUNK = 1 << 22;
/** A protobuf ends at 2 GiB; the hub's graphs are in one file below that. */
const LARGEST_GRAPH = 2e9;

const usage = `Usage: node tools/cli/made.mjs NAME DIR [options]

Writes a model of true shapes with made weights into DIR; what it says means
nothing. NAME is ${madeNames.join(" or ")}.

  --graphs A,B   files of onnx/ without .onnx, or "all" (default: what the
                 browser needs in fp32 or q4)
  --external     weights beside every graph, not within those below 2 GB`;

/** @param {string} path @returns {unknown} */
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** A file that is written once, from start to end, and hashed meanwhile. */
class Output {
  /** @readonly */
  #hash = createHash("sha256");
  /** @readonly */
  #file;
  /** @readonly */
  #buffer = new Uint8Array(CHUNK);
  bytes = 0;

  /** @param {string} path */
  constructor(path) {
    this.#file = openSync(path, "w");
  }

  /** @param {Uint8Array} bytes */
  write(bytes) {
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length;) {
      at += writeSync(this.#file, bytes, at);
    }
    this.bytes += bytes.length;
  }

  /** @param {Fill} fill */
  fill(fill) {
    const size = elementBytes(fill);
    for (let start = 0; start < fill.count; start += CHUNK / size) {
      const end = Math.min(fill.count, start + CHUNK / size);
      const part = this.#buffer.subarray(0, (end - start) * size);
      fillElements(part, fill, start);
      this.write(part);
    }
  }

  close() {
    closeSync(this.#file);
    return { bytes: this.bytes, sha256: this.#hash.digest("hex") };
  }
}

/**
 * The files of one graph.
 * @param {string} name of the model
 * @param {string} graph
 * @param {Recipe} recipe
 * @param {boolean} external
 * @returns {Map<string, Piece[]>}
 */
function graphFiles(name, graph, recipe, external) {
  const file = `${graph}.onnx`;
  const skeleton = readFileSync(join(models, name, "onnx", file));
  const whole = inline(skeleton);
  if (!external && lengthOf(whole) < LARGEST_GRAPH)
    return new Map([[file, whole]]);
  /** @type {Map<string, Piece[]>} */
  const files = new Map([[file, [skeleton]]]);
  for (const [location, fills] of Object.entries(recipe.files)) {
    if (!location.startsWith(`${file}_data`)) continue;
    /** @type {Piece[]} */
    const pieces = [];
    for (const fill of fills) {
      pieces.push(new Uint8Array(fill.offset - lengthOf(pieces)));
      pieces.push({ location, offset: fill.offset, length: byteLength(fill) });
    }
    files.set(location, pieces);
  }
  return files;
}

/** @param {Recipe} recipe @param {{ location: string, offset: number }} place */
function fillAt({ files }, { location, offset }) {
  const fill = files[location]?.find((placed) => placed.offset === offset);
  if (fill === undefined)
    throw new Error(`Nothing fills ${location} at ${offset}.`);
  return fill;
}

/**
 * Small files, by their paths.
 * @param {string} name @param {Recipe} recipe
 * @returns {Map<string, string | Buffer>}
 */
function configFiles(name, { special, context }) {
  const folder = join(models, name);
  const own = readdirSync(folder).filter(
    (file) => file.endsWith(".json") && file !== "fill.json",
  );
  /** @type {Map<string, string | Buffer>} */
  const files = new Map(
    own.map((file) => [file, readFileSync(join(folder, file))]),
  );
  const [ids, options] = ["tokenizer.json", "tokenizer_config.json"].map(
    (file) => readJson(join(shapes, "tokenizer", file)),
  );
  let tokenizer = /** @type {TokenizerJson} */ (ids);
  let config = /** @type {TokenizerConfig} */ (options);
  if (special !== null) {
    tokenizer = extend(tokenizer, special);
    config = extendConfig(config, special, context);
  }
  files.set("tokenizer.json", JSON.stringify(tokenizer));
  files.set("tokenizer_config.json", JSON.stringify(config, null, 2));
  return files;
}

/**
 * Writes model `name` into `folder`, manifest.json last.
 * @param {string} name
 * @param {string} folder
 * @param {{ graphs?: readonly string[] | undefined, external?: boolean, log?: (line: string) => void }} [options]
 */
export function makeModel(
  name,
  folder,
  { graphs, external = false, log = () => {} } = {},
) {
  const recipe = /** @type {Recipe} */ (
    readJson(join(models, name, "fill.json"))
  );
  /** @type {Record<string, { bytes: number, sha256: string }>} */
  const made = {};
  rmSync(join(folder, "manifest.json"), { force: true });
  mkdirSync(join(folder, "onnx"), { recursive: true });
  for (const [path, content] of configFiles(name, recipe)) {
    const output = new Output(join(folder, path));
    output.write(Buffer.from(content));
    made[path] = output.close();
  }
  for (const graph of graphs ?? recipe.graphs) {
    for (const [file, pieces] of graphFiles(name, graph, recipe, external)) {
      const start = performance.now();
      const output = new Output(join(folder, "onnx", file));
      for (const piece of pieces) {
        if (piece instanceof Uint8Array) output.write(piece);
        else output.fill(fillAt(recipe, piece));
      }
      const { bytes } = (made[`onnx/${file}`] = output.close());
      const seconds = (performance.now() - start) / 1000;
      log(`${file}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`);
    }
  }
  const manifest = { version: 1, name, files: made };
  writeFileSync(
    join(folder, "manifest.json"),
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
}

/**
 * Makes it unless `folder` holds exactly it.
 * @param {string} name
 * @param {string} folder
 * @param {readonly string[]} graphs
 * @param {(line: string) => void} log
 */
export function ensureMade(name, folder, graphs, log) {
  const hash = createHash("sha256").update(graphs.join());
  const sources = [import.meta.dirname, join(shapes, "tokenizer"), models];
  for (const source of sources) {
    for (const path of readdirSync(source, { recursive: true }).map(String)) {
      const own = source !== import.meta.dirname || path.startsWith("made");
      const full = join(source, path);
      if (own && statSync(full).isFile()) hash.update(readFileSync(full));
    }
  }
  const stamp = join(folder, "../", `${basename(folder)}.stamp`);
  const state = hash.digest("hex");
  const whole = existsSync(join(folder, "manifest.json"));
  if (whole && existsSync(stamp) && readFileSync(stamp, "utf8") === state) {
    return;
  }
  rmSync(folder, { recursive: true, force: true });
  makeModel(name, folder, { graphs, log });
  writeFileSync(stamp, state);
}

/** @param {string} name @returns {string[]} graphs of which there are skeletons */
export function graphsOf(name) {
  const files = readdirSync(join(models, name, "onnx"));
  return files.map((file) => basename(file, ".onnx"));
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      graphs: { type: "string" },
      external: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [name, folder] = positionals;
  if (values.help || name === undefined || folder === undefined) {
    console.log(usage);
    return;
  }
  if (!existsSync(join(models, name, "fill.json"))) {
    throw new Error(`There is no model named "${name}".`);
  }
  const known = graphsOf(name);
  const graphs = values.graphs === "all" ? known : values.graphs?.split(",");
  const unknown = graphs?.find((graph) => !known.includes(graph));
  if (unknown !== undefined) {
    throw new Error(
      `${name} has no graph ${unknown}, only ${known.join(", ")}.`,
    );
  }
  makeModel(name, resolve(folder), {
    graphs,
    external: values.external,
    log: console.log,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(
      `made: ${error instanceof Error ? error.message : String(error)}`,
    );
    process.exitCode = 1;
  }
}
