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
import vector from "../../synthetic/vector.json" with { type: "json" };
import base from "../../synthetic/tokenizer/tokenizer.json" with { type: "json" };
import baseConfig from "../../synthetic/tokenizer/tokenizer_config.json" with { type: "json" };
import { byteLength, elementBytes, fillElements } from "./fill.mjs";
import { ensureSyntheticModel, writeSyntheticModel } from "./synthetic.mjs";
import { extend, extendConfig } from "./tokenizer.mjs";

/** @typedef {import("./fill.mjs").Fill} Fill */

/** @param {string | Uint8Array} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

describe("synthetic weights", () => {
  for (const { fill, start, sha256: wanted } of vector) {
    const tensor = /** @type {Fill} */ (fill);
    test(`${tensor.kind}: equals Python's values bit for bit`, () => {
      const bytes = new Uint8Array(byteLength(tensor));
      fillElements(bytes, tensor, 0);
      expect(Buffer.from(bytes.subarray(0, 32)).toString("hex")).toBe(start);
      expect(sha256(bytes)).toBe(wanted);
    });

    test(`${tensor.kind}: fills part of a tensor`, () => {
      const bytes = new Uint8Array(byteLength(tensor));
      fillElements(bytes, tensor, 0);
      const from = 4 * 1001;
      const part = new Uint8Array(4 * 256);
      fillElements(part, tensor, from / elementBytes(tensor));
      expect(part).toEqual(bytes.subarray(from, from + part.length));
    });
  }
});

describe("a synthetic model", () => {
  const folder = mkdtempSync(join(tmpdir(), "synthetic-"));
  const graphs = ["embed_tokens"];
  const read = (/** @type {string} */ path) => readFileSync(join(folder, path));

  afterAll(() => rmSync(folder, { recursive: true }));

  test("manifest.json lists every file with its size and hash", () => {
    writeSyntheticModel("tiny-wide", folder, { graphs });
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

  test("inlined weights equal external data", () => {
    const inside = read("onnx/embed_tokens.onnx");
    writeSyntheticModel("tiny-wide", folder, { graphs, external: true });
    const beside = read("onnx/embed_tokens.onnx_data");
    expect(beside).toHaveLength(448 * 896 * 4);
    expect(inside.includes(beside)).toBe(true);
    const text = "embed_tokens.onnx_data";
    expect(read("onnx/embed_tokens.onnx").includes(text)).toBe(true);
    expect(inside.includes(text)).toBe(false);
  });
});

test("a synthetic model is rewritten only if its inputs changed", () => {
  const parent = mkdtempSync(join(tmpdir(), "synthetic-"));
  const folder = join(parent, "tiny-wide");
  const config = join(folder, "config.json");
  /** @param {string[]} graphs */
  const ensure = (graphs) =>
    ensureSyntheticModel("tiny-wide", folder, graphs, () => undefined);
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

describe("the extended tokenizer", () => {
  const special = 151_643;
  const json = extend(
    /** @type {Parameters<typeof extend>[0]} */ (/** @type {unknown} */ (base)),
    special,
  );
  const tokenizer = new Tokenizer(
    json,
    extendConfig(baseConfig, special, 8192),
  );

  test("has the ids of the published tokenizer", () => {
    const ids = Object.values(json.model.vocab).sort((a, b) => a - b);
    expect(ids).toEqual(Array.from({ length: special }, (_, i) => i));
    expect(tokenizer.token_to_id("<|endoftext|>")).toBe(151_643);
    expect(tokenizer.token_to_id("<|im_start|>")).toBe(151_644);
    expect(tokenizer.token_to_id("<|im_end|>")).toBe(151_645);
    expect(tokenizer.token_to_id("<image>")).toBe(151_646);
  });

  test("round-trips text in few tokens", () => {
    const text = "Describe the image. banana kimono 東京 🦊\n";
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    expect(tokenizer.decode(ids)).toBe(text);
    const word = tokenizer.encode("bazuzu", { add_special_tokens: false });
    expect(word.ids).toHaveLength(1);
  });
});
