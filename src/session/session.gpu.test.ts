import { expect, onTestFinished, test } from "vitest";
import { createFastVlm } from "./create-fast-vlm";
import { WorkerHandle } from "../runtime/worker-handle";
import { workerPool } from "../runtime/worker-pool";
import { solidCanvas } from "../testing/images";
import type { FastVlmOptions } from "./options";
import type { Caption } from "./watch";

function open(options: FastVlmOptions = {}) {
  const vlm = createFastVlm(options);
  onTestFinished(() => vlm.dispose());
  return vlm;
}

/** Files are known by their hash: what another test kept would not be asked
 * for. */
async function keepNothing(): Promise<void> {
  const lease = new WorkerHandle(workerPool, {});
  for (const { key } of await lease.stored()) await lease.remove(key);
  lease.release();
}

const nano = { model: "nano", device: "wasm", size: 128 } as const;

test("files come through the page's own fetch, wasm from where it says", async () => {
  await keepNothing();
  const asked: string[] = [];
  const own: typeof fetch = (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    asked.push(url);
    return fetch(url.replace("https://models.test/a/", "/models/nano/"), init);
  };
  const wasmPaths = "/node_modules/onnxruntime-web/dist";
  const vlm = open({ fetch: own, wasmPaths });
  const model = { ...nano, model: "https://models.test/a" };
  expect(await vlm.availability(model)).toBe("downloadable");
  const session = await vlm.create(model);
  expect(asked).toContain("https://models.test/a/config.json");
  expect(asked.some((url) => url.includes("/a/onnx/"))).toBe(true);
  const image = solidCanvas("blue", 64, 64);
  const { text } = await session.describe(image, { maxTokens: 4 }).done();
  expect(text).not.toBe("");
});

test("the carried model: describe, ask, watch a stream", async () => {
  const vlm = open();
  const told: number[] = [];
  const session = await vlm.create({
    ...nano,
    monitor: (monitor) =>
      monitor.addEventListener("downloadprogress", ({ loaded }) => {
        told.push(loaded);
      }),
  });
  expect(told[0]).toBe(0);
  expect(told.at(-1)).toBe(1);
  expect(told).toEqual([...new Set(told)].sort((a, b) => a - b));
  expect(await vlm.availability(nano)).toBe("available");
  expect(session.info).toMatchObject({ device: "wasm" });

  const canvas = solidCanvas("white", 128, 128);
  const context = canvas.getContext("2d");
  if (context) {
    context.fillStyle = "red";
    context.arc(64, 64, 30, 0, 7);
    context.fill();
  }
  const seen = await session.describe(canvas, { maxTokens: 16 }).done();
  expect(seen.text).toMatch(/red/i);
  expect(seen).toMatchObject({ imageTokens: 4, reused: 0 });

  const more = await session.ask("What colour is it?", { maxTokens: 8 }).done();
  expect(more.reused).toBe(1);
  expect(more.promptTokens).toBeGreaterThan(seen.promptTokens);

  const stream = canvas.captureStream(10);
  const draw = setInterval(() => context?.fillRect(0, 0, 1, 1), 50);
  onTestFinished(() => clearInterval(draw));
  const captions: Caption[] = [];
  for await (const caption of session.watch(stream, { maxTokens: 16 })) {
    captions.push(caption);
    if (captions.length === 2) break;
  }
  for (const caption of captions) {
    expect(caption.text).toMatch(/red/i);
    expect(caption.age).toBeGreaterThan(0);
  }
  expect(stream.getTracks()[0]?.readyState).toBe("live");

  const turn = { role: "user", text: "What?", images: [canvas] } as const;
  const { tokens, limit } = await session.count([turn]);
  expect(tokens).toBeGreaterThan(4);
  expect(limit).toBeGreaterThan(tokens);
});

test("reports a missing ONNX Runtime", async () => {
  const vlm = open({ wasmPaths: "/nowhere/" });
  const onOrt = { ...nano, backend: "ort" } as const;
  await expect(vlm.create(onOrt)).rejects.toMatchObject({
    code: "download-failed",
  });
  const wrong = open({ wasmPaths: "ftp://a.b/" });
  await expect(wrong.create(nano)).rejects.toMatchObject({
    code: "bad-option",
  });
});
