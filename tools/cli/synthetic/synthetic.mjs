// @ts-check
/**
 * Writes a synthetic model: real shapes and file sizes, meaningless output.
 * tools/synthetic contains its graphs and the parameters of each tensor. Needs
 * only Node.
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
import { basename, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { command, flag, readArguments, text } from "../command.mjs";
import { readJson, root } from "../prepare.mjs";
import { byteLength, elementBytes, fillElements } from "./fill.mjs";
import { inline, lengthOf } from "./inline-weights.mjs";
import { extend, extendConfig } from "./tokenizer.mjs";

/**
 * @typedef {import("./fill.mjs").Fill} Fill
 * @typedef {import("./inline-weights.mjs").Piece} Piece
 * @typedef {import("./tokenizer.mjs").TokenizerJson} TokenizerJson
 * @typedef {import("./tokenizer.mjs").TokenizerConfig} TokenizerConfig
 * @typedef {Fill & { tensor: string, offset: number }} TensorFill
 * @typedef {object} FillJson
 * @property {string[]} graphs written by default
 * @property {number | null} special first id of the special tokens
 * @property {number} context
 * @property {Record<string, TensorFill[]>} files external data, by file name
 */

const templates = join(root, "tools/synthetic");
const models = join(templates, "models");
export const syntheticNames = readdirSync(models);
/** Bytes generated and written at once. */
const CHUNK = 1 << 22;
/** Protobuf ends at 2 GiB; published graphs below that have no external data. */
const MAX_INLINE_BYTES = 2e9;

const usage = `Usage: node tools/cli/synthetic/synthetic.mjs NAME DIR [options]

Writes a synthetic model to DIR: real shapes and file sizes, meaningless output.
NAME is ${syntheticNames.join(" or ")}.

  --graphs A,B   graphs to write (file names without .onnx), or "all"
                 (default: those the browser needs for fp32 or q4)
  --external     use external data for graphs below 2 GB, too`;

/** Writes a file sequentially and hashes it. */
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
 * @param {FillJson} spec
 * @param {boolean} external
 * @returns {Map<string, Piece[]>}
 */
function graphFiles(name, graph, spec, external) {
  const file = `${graph}.onnx`;
  const template = readFileSync(join(models, name, "onnx", file));
  const inlined = inline(template);
  if (!external && lengthOf(inlined) < MAX_INLINE_BYTES)
    return new Map([[file, inlined]]);
  /** @type {Map<string, Piece[]>} */
  const files = new Map([[file, [template]]]);
  for (const [location, fills] of Object.entries(spec.files)) {
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

/** @param {FillJson} spec @param {{ location: string, offset: number }} place */
function fillAt({ files }, { location, offset }) {
  const fill = files[location]?.find((tensor) => tensor.offset === offset);
  if (fill === undefined)
    throw new Error(
      `fill.json has no tensor at offset ${offset} of ${location}.`,
    );
  return fill;
}

/**
 * Configuration and tokenizer files by path.
 * @param {string} name @param {FillJson} spec
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
    (file) => readJson(join(templates, "tokenizer", file)),
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
export function writeSyntheticModel(
  name,
  folder,
  { graphs, external = false, log = () => {} } = {},
) {
  const spec = /** @type {FillJson} */ (
    readJson(join(models, name, "fill.json"))
  );
  /** @type {Record<string, { bytes: number, sha256: string }>} */
  const hashes = {};
  rmSync(join(folder, "manifest.json"), { force: true });
  mkdirSync(join(folder, "onnx"), { recursive: true });
  for (const [path, content] of configFiles(name, spec)) {
    const output = new Output(join(folder, path));
    output.write(Buffer.from(content));
    hashes[path] = output.close();
  }
  for (const graph of graphs ?? spec.graphs) {
    for (const [file, pieces] of graphFiles(name, graph, spec, external)) {
      const start = performance.now();
      const output = new Output(join(folder, "onnx", file));
      for (const piece of pieces) {
        if (piece instanceof Uint8Array) output.write(piece);
        else output.fill(fillAt(spec, piece));
      }
      const { bytes } = (hashes[`onnx/${file}`] = output.close());
      const seconds = (performance.now() - start) / 1000;
      log(`${file}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`);
    }
  }
  const manifest = { version: 1, name, files: hashes };
  writeFileSync(
    join(folder, "manifest.json"),
    `${JSON.stringify(manifest, null, 2)}\n`,
  );
}

/**
 * Writes model `name` to `folder` unless it is up to date.
 * @param {string} name
 * @param {string} folder
 * @param {readonly string[]} graphs
 * @param {(line: string) => void} log
 */
export function ensureSyntheticModel(name, folder, graphs, log) {
  const hash = createHash("sha256").update(graphs.join());
  const sources = [import.meta.dirname, join(templates, "tokenizer"), models];
  for (const source of sources) {
    for (const path of readdirSync(source, { recursive: true }).map(String)) {
      const full = join(source, path);
      if (statSync(full).isFile()) hash.update(readFileSync(full));
    }
  }
  const stamp = join(folder, "../", `${basename(folder)}.stamp`);
  const state = hash.digest("hex");
  const complete = existsSync(join(folder, "manifest.json"));
  if (complete && existsSync(stamp) && readFileSync(stamp, "utf8") === state) {
    return;
  }
  rmSync(folder, { recursive: true, force: true });
  writeSyntheticModel(name, folder, { graphs, log });
  writeFileSync(stamp, state);
}

/** The graphs of a synthetic model. @param {string} name */
export function graphsOf(name) {
  const files = readdirSync(join(models, name, "onnx"));
  return files.map((file) => basename(file, ".onnx"));
}

function main() {
  const { values, positionals } = readArguments(
    "synthetic",
    usage,
    { graphs: text, external: flag },
    { allowPositionals: true },
  );
  const [name, folder] = positionals;
  if (name === undefined || folder === undefined) {
    console.log(usage);
    return;
  }
  if (!existsSync(join(models, name, "fill.json"))) {
    throw new Error(
      `Unknown model "${name}". Choose ${syntheticNames.join(" or ")}.`,
    );
  }
  const known = graphsOf(name);
  const graphs = values.graphs === "all" ? known : values.graphs?.split(",");
  const unknown = graphs?.find((graph) => !known.includes(graph));
  if (unknown !== undefined) {
    throw new Error(
      `${name} has no graph "${unknown}". Its graphs are ${known.join(", ")}.`,
    );
  }
  writeSyntheticModel(name, resolve(folder), {
    graphs,
    external: values.external,
    log: console.log,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await command("synthetic", main);
}
