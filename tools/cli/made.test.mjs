// @ts-check
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { afterAll, describe, expect, test } from "vitest";
import vector from "../shapes/vector.json" with { type: "json" };
import base from "../shapes/tokenizer/tokenizer.json" with { type: "json" };
import baseConfig from "../shapes/tokenizer/tokenizer_config.json" with { type: "json" };
import { byteLength, elementBytes, fillElements } from "./made-fill.mjs";
import { ensureMade, makeModel } from "./made.mjs";
import { extend, extendConfig } from "./made-tokenizer.mjs";

/** @typedef {import("./made-fill.mjs").Fill} Fill */

/** @param {string | Uint8Array} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

describe("made weights", () => {
  for (const { fill, start, sha256: wanted } of vector) {
    const made = /** @type {Fill} */ (fill);
    test(`${made.kind}: bit for bit as Python's`, () => {
      const bytes = new Uint8Array(byteLength(made));
      fillElements(bytes, made, 0);
      expect(Buffer.from(bytes.subarray(0, 32)).toString("hex")).toBe(start);
      expect(sha256(bytes)).toBe(wanted);
    });

    test(`${made.kind}: a part is made without the rest`, () => {
      const bytes = new Uint8Array(byteLength(made));
      fillElements(bytes, made, 0);
      const from = 4 * 1001;
      const part = new Uint8Array(4 * 256);
      fillElements(part, made, from / elementBytes(made));
      expect(part).toEqual(bytes.subarray(from, from + part.length));
    });
  }
});

describe("a made model", () => {
  const folder = mkdtempSync(join(tmpdir(), "made-"));
  const graphs = ["embed_tokens"];
  const read = (/** @type {string} */ path) => readFileSync(join(folder, path));

  afterAll(() => rmSync(folder, { recursive: true }));

  test("manifest.json names every file with its size and hash", () => {
    makeModel("tiny-wide", folder, { graphs });
    /** @type {unknown} */
    const json = JSON.parse(read("manifest.json").toString());
    const { files, ...rest } =
      /** @type {{ files: Record<string, { bytes: number, sha256: string }> }} */ (
        json
      );
    expect(rest).toEqual({ version: 1, name: "tiny-wide" });
    const there = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
      .map((entry) =>
        join(entry.parentPath, entry.name).slice(folder.length + 1),
      );
    expect(Object.keys(files).sort()).toEqual(there.sort());
    for (const [path, { bytes, sha256: hash }] of Object.entries(files)) {
      expect({
        path,
        bytes: read(path).length,
        hash: sha256(read(path)),
      }).toEqual({ path, bytes, hash });
    }
  });

  test("weights are the same within the graph and beside it", () => {
    const inside = read("onnx/embed_tokens.onnx");
    makeModel("tiny-wide", folder, { graphs, external: true });
    const beside = read("onnx/embed_tokens.onnx_data");
    expect(beside).toHaveLength(448 * 896 * 4);
    expect(inside.includes(beside)).toBe(true);
    const text = "embed_tokens.onnx_data";
    expect(read("onnx/embed_tokens.onnx").includes(text)).toBe(true);
    expect(inside.includes(text)).toBe(false);
  });
});

test("a made model is made again only if it would be another", () => {
  const parent = mkdtempSync(join(tmpdir(), "made-"));
  const folder = join(parent, "tiny-wide");
  const config = join(folder, "config.json");
  /** @param {string[]} graphs */
  const ensure = (graphs) =>
    ensureMade("tiny-wide", folder, graphs, () => undefined);
  try {
    ensure([]);
    expect(existsSync(config)).toBe(true);
    writeFileSync(config, "{}");
    ensure([]);
    expect(readFileSync(config, "utf8")).toBe("{}");
    ensure(["embed_tokens"]);
    expect(readFileSync(config, "utf8")).not.toBe("{}");
  } finally {
    rmSync(parent, { recursive: true });
  }
});

describe("a tokenizer of a real one's size", () => {
  const special = 151_643;
  const json = extend(
    /** @type {Parameters<typeof extend>[0]} */ (/** @type {unknown} */ (base)),
    special,
  );
  const tokenizer = new Tokenizer(
    json,
    extendConfig(baseConfig, special, 8192),
  );

  test("its ids reach the published ones, each a word of its own", () => {
    const ids = Object.values(json.model.vocab).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: special }, (_, i) => i));
    expect(tokenizer.token_to_id("<|endoftext|>")).toBe(151_643);
    expect(tokenizer.token_to_id("<|im_start|>")).toBe(151_644);
    expect(tokenizer.token_to_id("<|im_end|>")).toBe(151_645);
    expect(tokenizer.token_to_id("<image>")).toBe(151_646);
  });

  test("text comes back as it was, in few tokens", () => {
    const text = "Describe the image. banana kimono 東京 🦊\n";
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    expect(tokenizer.decode(ids)).toBe(text);
    const word = tokenizer.encode("bazuzu", { add_special_tokens: false });
    expect(word.ids).toHaveLength(1);
  });
});
