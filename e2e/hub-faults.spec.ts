import { join } from "node:path";
import { folderHandler } from "../tools/cli/server.mjs";
import { ask, errorOf, load, valueOf } from "./support/element.ts";
import {
  answers,
  choose,
  decoder,
  graphs,
  id,
  inspect,
  openHub,
  picture,
  sent,
  sizeOf,
  somewhere,
  test,
  weights,
  type Hub,
} from "./support/hub.ts";
import { root } from "./support/paths.ts";
import { expect } from "./support/test.ts";

const micro = join(root, "workers/testing/micro");
const brief = { maxTokens: 4 };

/** Faults that a load survives, and how many bytes too many they may cost. */
const passing: Record<string, { spoil: (hub: Hub) => void; extra: number }> = {
  "cut connections": {
    spoil: ({ faults }) => {
      // What has not been read when a connection breaks is lost: at this pace
      // it is little, whatever the machine's buffers hold.
      faults.add({ kind: "slow", value: 4_000_000 });
      for (const file of graphs) {
        faults.add({ kind: "cut", value: somewhere(file), file, times: 1 });
      }
    },
    extra: 3_000_000,
  },
  "no ranges": {
    spoil: ({ faults }) => faults.add({ kind: "no-ranges" }),
    extra: 0,
  },
  "no ranges and a cut": {
    spoil: ({ faults }) => {
      faults.add({ kind: "no-ranges" });
      const value = somewhere(decoder);
      faults.add({ kind: "cut", value, file: decoder, times: 1 });
    },
    extra: sizeOf(decoder),
  },
  "redirects to another port": {
    spoil: ({ faults }) => faults.add({ kind: "redirect", value: "port" }),
    extra: 0,
  },
  "errors of the server that pass": {
    spoil: ({ faults }) => {
      faults.add({ kind: "status", value: 500, file: "onnx/*", times: 3 });
      faults.add({ kind: "status", value: 503, file: "api/**", times: 1 });
    },
    extra: 0,
  },
  "being asked to wait": {
    spoil: ({ faults }) => {
      faults.add({ kind: "busy", value: 1, file: "onnx/*", times: 2 });
    },
    extra: 0,
  },
  "a length that is too small": {
    spoil: ({ faults }) => {
      faults.add({ kind: "length", value: -999, file: decoder, times: 1 });
    },
    extra: 0,
  },
  "a length that is too big": {
    spoil: ({ faults }) => {
      faults.add({ kind: "length", value: 999, file: decoder, times: 1 });
    },
    extra: 3_000_000,
  },
  "no listing": {
    spoil: ({ faults }) => faults.add({ kind: "no-api" }),
    extra: 0,
  },
};

for (const [name, { spoil, extra }] of Object.entries(passing)) {
  test(`loads in spite of ${name}`, async ({ page, hub }) => {
    await openHub(page, hub);
    spoil(hub);
    valueOf(await load(page));
    await answers(page);
    expect(sent(hub)).toBeGreaterThanOrEqual(weights);
    expect(sent(hub)).toBeLessThanOrEqual(weights + extra);
  });
}

/** Faults that a load does not survive: its error, and the file it names. */
const failing: Record<
  string,
  { spoil: (hub: Hub) => void; code: string; names: RegExp }
> = {
  "a wrong byte": {
    spoil: ({ faults }) => {
      const value = somewhere(decoder);
      faults.add({ kind: "flip", value, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a wrong byte, without a listing": {
    spoil: ({ faults }) => {
      faults.add({ kind: "no-api" });
      const value = somewhere(decoder);
      faults.add({ kind: "flip", value, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a wrong byte in the tokenizer": {
    spoil: ({ faults }) => {
      const [value, file] = [somewhere("tokenizer.json"), "tokenizer.json"];
      faults.add({ kind: "flip", value, file });
    },
    code: "model-corrupt",
    names: /tokenizer\.json/,
  },
  "a listing with a wrong hash": {
    spoil: ({ faults }) => faults.add({ kind: "wrong-sha", file: decoder }),
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a listing with too small a size": {
    spoil: ({ faults }) => {
      faults.add({ kind: "wrong-size", value: -7, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a listing with too big a size": {
    spoil: ({ faults }) => {
      faults.add({ kind: "wrong-size", value: 7, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a missing file": {
    spoil: ({ faults }) => faults.add({ kind: "missing", file: decoder }),
    code: "model-file-missing",
    names: /decoder_model_merged\.onnx/,
  },
  "a server that is broken": {
    spoil: ({ faults }) => {
      faults.add({ kind: "status", value: 500, file: decoder });
    },
    code: "download-failed",
    names: /decoder_model_merged\.onnx/,
  },
};

for (const [name, { spoil, code, names }] of Object.entries(failing)) {
  test(`${name} is a typed error, and the model before goes on`, async ({
    page,
    hub,
    server,
  }) => {
    // Another model: of the same one the store would have every file already.
    server.mount("/micro/", folderHandler(micro));
    await openHub(page, hub, { model: "/micro/" });
    valueOf(await load(page));
    const { tokenIds } = valueOf(await ask(page, picture, brief));
    await choose(page, id);
    spoil(hub);
    const error = errorOf(await load(page));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(names);
    expect(error.advice).not.toBe("");
    const after = valueOf(await ask(page, picture, brief));
    expect(after.tokenIds).toEqual(tokenIds);

    // Put right, it loads, and nothing that is kept is fetched again.
    hub.faults.clear();
    const missing = (await inspect(page)).chosen?.missing ?? 0;
    const before = sent(hub);
    valueOf(await load(page));
    await answers(page);
    expect(sent(hub) - before).toBeLessThanOrEqual(missing);
  });
}
