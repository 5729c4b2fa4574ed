import { expect, test } from "vitest";
import type { Dtype, Graph, GraphFiles } from "../../src/shared/models";
import type { VariantCompatibility } from "./compatibility";
import { choose, recommend } from "./dtypes";
import type { Hardware } from "./hardware";
import { eachGraph } from "../model-files/manifest";

type Sizes = Partial<Record<Dtype, number>>;

const MB = 1e6;

/** FastVLM-0.5B's files, as published. */
const published: Record<Graph, Sizes> = {
  vision_encoder: {
    fp32: 508 * MB,
    fp16: 254 * MB,
    q4: 505 * MB,
    q4f16: 253 * MB,
  },
  embed_tokens: {
    fp32: 544 * MB,
    fp16: 272 * MB,
    q4: 544 * MB,
    q4f16: 272 * MB,
  },
  decoder_model_merged: {
    fp32: 1980 * MB,
    fp16: 992 * MB,
    q4: 317 * MB,
    q4f16: 282 * MB,
  },
};

function folder(
  changes: Partial<Record<Graph, Sizes>> = {},
  unsupported: Partial<Record<Graph, readonly Dtype[]>> = {},
): VariantCompatibility {
  const sizes = { ...published, ...changes };
  return eachGraph((graph) =>
    Object.entries(sizes[graph]).map(([name, bytes]): GraphFiles => {
      const dtype = name as Dtype;
      const stuck = unsupported[graph]?.includes(dtype) === true;
      const unsupportedReason = { unsupportedReason: "it is too large." };
      return { dtype, files: [], bytes, ...(stuck && unsupportedReason) };
    }),
  );
}

const graphics: Hardware = {
  device: "webgpu",
  adapter: "acme gpu",
  halfPrecision: true,
  software: false,
  largestBuffer: 2 ** 31,
  largestWeight: 2 ** 31,
};
const plain: Hardware = { ...graphics, halfPrecision: false };
const wasm: Hardware = {
  ...plain,
  device: "wasm",
  largestBuffer: Infinity,
  largestWeight: Infinity,
};

const dtypesOf = (variants: VariantCompatibility, hardware: Hardware) => {
  const all = choose("auto", variants, hardware);
  return [all.vision_encoder, all.embed_tokens, all.decoder_model_merged];
};

test("recommends half precision for FastVLM-0.5B where shaders support it", () => {
  expect(dtypesOf(folder(), graphics)).toEqual(["fp16", "fp16", "q4"]);
  expect(dtypesOf(folder(), plain)).toEqual(["fp32", "fp16", "q4"]);
  expect(dtypesOf(folder(), wasm)).toEqual(["fp32", "fp16", "q4"]);
});

test("recommends the quickest decoder on a CPU, in which 4 bits are slow", () => {
  const { decoder_model_merged, vision_encoder } = published;
  const withBytes = (...dtypes: Dtype[]) => {
    const bytes = Object.fromEntries(dtypes.map((name) => [name, 503 * MB]));
    return folder({
      decoder_model_merged: { ...decoder_model_merged, ...bytes },
      // Smaller, but with convolutions of 8 bits.
      vision_encoder: { ...vision_encoder, q8: 223 * MB },
    });
  };
  const all = withBytes("q8", "int8", "uint8");
  expect(dtypesOf(all, wasm)).toEqual(["fp32", "fp16", "q8"]);
  expect(dtypesOf(withBytes("uint8"), wasm)[2]).toBe("uint8");
  expect(dtypesOf(all, plain)).toEqual(["fp32", "fp16", "q4"]);
  expect(recommend(all, wasm).decoder_model_merged.reason).toMatch(
    /^q8: 503 MB instead of 1.98 GB. On the CPU, q4 takes about 13 times/,
  );
  // In 32 bits only if there is room for them.
  const light = { fp32: 900 * MB, fp16: 450 * MB, q4: 150 * MB };
  const lighter = folder({ decoder_model_merged: light });
  expect(dtypesOf(lighter, wasm)[2]).toBe("fp32");
});

test("uses 8 bits where the model has nothing else", () => {
  const bytes = folder(eachGraph(() => ({ int8: 200 * MB })));
  for (const hardware of [graphics, plain, wasm]) {
    expect(dtypesOf(bytes, hardware)).toEqual(["int8", "int8", "int8"]);
  }
});

test("recommends q4 for the encoder where it is smaller", () => {
  const vision_encoder = { fp32: 508 * MB, q4: 300 * MB };
  expect(dtypesOf(folder({ vision_encoder }), plain)[0]).toBe("q4");
});

test("recommends fp32 for a small model", () => {
  const sizes = { fp32: 7 * MB, fp16: 3.5 * MB, q4: 1 * MB };
  const small = folder(eachGraph(() => sizes));
  expect(dtypesOf(small, graphics)).toEqual(["fp32", "fp32", "fp32"]);
  expect(recommend(small, graphics).vision_encoder.reason).toMatch(/small/);
});

test("skips dtypes that cannot run", () => {
  const stuck = { decoder_model_merged: ["fp32", "q4"] as const };
  expect(dtypesOf(folder({}, stuck), graphics)[2]).toBe("q4f16");
  const large = { decoder_model_merged: ["fp32"] as const };
  expect(dtypesOf(folder({}, large), wasm)[2]).toBe("q4");
});

test("gives a reason for each graph, with its dtype and bytes", () => {
  const { vision_encoder, embed_tokens, decoder_model_merged } = recommend(
    folder(),
    graphics,
  );
  expect(vision_encoder.reason).toMatch(/^fp16: 254 MB instead of 508 MB/);
  expect(embed_tokens.reason).toMatch(/^fp16: 272 MB instead of 544 MB/);
  expect(decoder_model_merged.reason).toMatch(/^q4: 317 MB instead of 1.98 GB/);
});

test("accepts one dtype for all graphs or one for each", () => {
  expect(choose("q4", folder(), plain)).toEqual(eachGraph(() => "q4"));
  const each = {
    vision_encoder: "fp32",
    embed_tokens: "q4f16",
    decoder_model_merged: "q4",
  } as const;
  expect(choose(each, folder(), plain)).toEqual(each);
});

test("treats an omitted graph as auto", () => {
  const some = { vision_encoder: "q4" } as const;
  expect(choose(some, folder(), graphics)).toEqual({
    vision_encoder: "q4",
    embed_tokens: "fp16",
    decoder_model_merged: "q4",
  });
  expect(choose({}, folder(), wasm)).toEqual(choose("auto", folder(), wasm));
});

const failsWith = (code: string, message: RegExp) =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(message) as string,
  }) as Error;

test("rejects with the available dtypes if one is missing", () => {
  const embed_tokens = { fp32: 1, fp16: 1 };
  expect(() => choose("q4", folder({ embed_tokens }), plain)).toThrow(
    failsWith("model-file-missing", /embed_tokens_q4\.onnx; .* fp32, fp16\./),
  );
});

test("rejects a dtype that cannot run, with the reason", () => {
  const stuck = folder({}, { vision_encoder: ["fp16"] });
  expect(() => choose("fp16", stuck, plain)).toThrow(
    failsWith("unsupported", /vision_encoder_fp16.*acme gpu: it is too large/),
  );
});

test("rejects a graph that is missing or cannot run in any dtype", () => {
  const none = folder({ decoder_model_merged: {} });
  expect(() => choose("auto", none, wasm)).toThrow(
    failsWith("model-file-missing", /no onnx\/decoder_model_merged\.onnx/),
  );
  const all: Dtype[] = ["fp32", "fp16", "q4", "q4f16"];
  const stuck = folder({}, { decoder_model_merged: all });
  expect(() => choose("auto", stuck, wasm)).toThrow(
    failsWith("unsupported", /decoder_model_merged fp32: it is too large/),
  );
  expect(recommend(stuck, wasm).decoder_model_merged.dtype).toBeUndefined();
});
