import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Device } from "../src/shared/models";
import type { WorkerEvent } from "../src/shared/protocol";
import { Api } from "./api";
import {
  event,
  listen,
  loadOptions,
  micro,
  microOfSize,
  options as usual,
  testImage,
  imageQuestion,
} from "./testing/harness";

const failsWith = (code: string) => expect.objectContaining({ code }) as object;

/** The software adapter takes seconds for the model's own 256. */
const size = 128;
const options = { ...usual, size };
const small = { ...loadOptions, model: await microOfSize(size) };

/** Tokens for the same images on each device. */
const answers = new Map<Device, (readonly number[])[]>();

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  const api = new Api();
  let events: WorkerEvent[];

  beforeAll(async () => {
    events = listen(api);
    const info = await api.load({ ...small, device });
    expect(info).toMatchObject({
      name: "fast-vlm/micro",
      device,
      size,
      contextLength: 512,
      dtypes: { decoder_model_merged: "fp32" },
    });
    expect(info.deviceReason).toBeUndefined();
    expect(info.bytes).toBeGreaterThan(100_000);
  });

  afterAll(() => api.dispose());

  test("loading is reported in bytes, then warming", async () => {
    const warming = await event(
      events.filter((e) => e.type === "progress" && e.phase === "warming"),
      "progress",
    );
    expect(warming).toMatchObject({ loaded: expect.any(Number) as number });
    const bytes = events.flatMap((e) =>
      e.type === "progress" ? e.loaded : [],
    );
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
  });

  test("answers with ordered tokens and timings that add up", async () => {
    events.length = 0;
    const frame = await testImage();
    const answer = await api.generate(1, [frame], options);
    expect(frame.width, "the frame is closed").toBe(0);
    expect(answer).toMatchObject({ imageTokens: 4, finish: "length" });
    expect(answer.tokenIds).toHaveLength(12);
    const { timings: t } = answer;
    const sum = t.preprocess + t.encode + t.prefill + t.firstDecode;
    expect(sum).toBeCloseTo(t.firstToken, 3);
    expect(t.total).toBeGreaterThan(t.firstToken);
    expect(t.tokensPerSecond).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({
      type: "image",
      imageTokens: 4,
    });
    const tokens = events.flatMap((e) => (e.type === "token" ? [e] : []));
    expect(tokens.map(({ id }) => id)).toEqual(answer.tokenIds);
    expect(tokens.map((e) => e.timings !== undefined)).toEqual(
      answer.tokenIds.map((_, i) => i === 0),
    );
  });

  test("the answer depends only on image, prompt and size", async () => {
    const ask = async (seed: number, prompt: string, size: number) =>
      (
        await api.generate(1, [await testImage(seed)], {
          ...options,
          messages: imageQuestion(prompt),
          size,
        })
      ).tokenIds;
    // In few image tokens, different images look alike to the micro model.
    const first = await ask(1, "Describe the image.", 256);
    expect(await ask(1, "Describe the image.", 256)).toEqual(first);
    const others = [
      await ask(3, "Describe the image.", 256),
      await ask(1, "Why?", 256),
      await ask(1, "Describe the image.", 320),
    ];
    expect(others).not.toContainEqual(first);
    answers.set(device, [first, ...others]);
  });

  test("abort ends a run before its next token; the next run is whole", async () => {
    events.length = 0;
    const long = { ...options, maxTokens: 400 };
    const running = api.generate(7, [await testImage()], long);
    const waiting = api.generate(8, [await testImage()], options);
    await event(events, "token");
    api.abort(7);
    const answer = await running;
    expect(answer.finish).toBe("abort");
    expect(answer.tokenIds.length).toBeLessThan(300);
    expect((await waiting).finish).toBe("length");
  });

  test("a run aborted while it waits never starts decoding", async () => {
    const running = api.generate(1, [await testImage()], options);
    const waiting = api.generate(9, [await testImage()], options);
    api.abort(9);
    await running;
    expect(await waiting).toMatchObject({ finish: "abort", tokenIds: [] });
  });

  test("rejects invalid input with a VlmError, and the next request works", async () => {
    const gone = await testImage();
    gone.close();
    await expect(api.generate(1, [gone], options)).rejects.toEqual(
      failsWith("bad-image"),
    );
    const open = await testImage();
    await expect(
      api.generate(1, [open], { ...options, size: 100 }),
    ).rejects.toEqual(failsWith("bad-option"));
    expect(open.width, "the frame is closed").toBe(0);
    const beside = await testImage();
    await expect(
      api.generate(1, [beside, 7 as never], options),
    ).rejects.toEqual(failsWith("bad-option"));
    expect(beside.width, "the frame is closed").toBe(0);
    for (const none of [undefined, null, "picture"]) {
      await expect(api.generate(1, none as never, options)).rejects.toEqual(
        failsWith("bad-option"),
      );
    }
    const unasked = await testImage();
    await expect(api.generate(1, [unasked], null as never)).rejects.toEqual(
      failsWith("bad-option"),
    );
    expect(unasked.width, "the frame is closed").toBe(0);
    await expect(
      api.generate(1, [await testImage()], {
        ...options,
        messages: imageQuestion("word ".repeat(4000)),
      }),
    ).rejects.toEqual(failsWith("prompt-too-long"));
    const answer = await api.generate(1, [await testImage()], options);
    expect(answer.tokenIds).toHaveLength(12);
  });

  test("a failed load leaves the model in place", async () => {
    const url = new URL("../nowhere/", micro).href;
    const model = { kind: "url", url } as const;
    await expect(api.load({ ...loadOptions, device, model })).rejects.toEqual(
      failsWith("model-file-missing"),
    );
    const answer = await api.generate(1, [await testImage()], options);
    expect(answer.tokenIds).toHaveLength(12);
  });
});

test("both devices say the same", () => {
  expect(answers.get("webgpu")).toHaveLength(4);
  expect(answers.get("webgpu")).toEqual(answers.get("wasm"));
});

test("the answer ends where the context does", async () => {
  const api = new Api();
  await api.load(loadOptions);
  const all = { ...options, maxTokens: 4096 };
  const answer = await api.generate(1, [await testImage()], all);
  const total = answer.promptTokens + answer.tokenIds.length;
  // The last token is said, not read.
  if (answer.finish === "length") expect(total).toBe(512 + 1);
  else expect(answer.finish).toBe("stop");
  await api.dispose();
});

test("auto chooses WASM over a software adapter and says why", async () => {
  const api = new Api();
  const info = await api.load({ ...loadOptions, device: "auto" });
  expect(info.device).toBe("wasm");
  expect(info.deviceReason).toContain("software");
  await api.dispose();
});

test("nothing loaded is an error that says so", async () => {
  const api = new Api();
  await expect(api.generate(1, [await testImage()], options)).rejects.toEqual(
    failsWith("not-loaded"),
  );
});

test("a lost device: typed error, an event, and a load that works again", async () => {
  const devices: GPUDevice[] = [];
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on its own this below
  const { requestDevice } = GPUAdapter.prototype;
  const spy = vi
    .spyOn(GPUAdapter.prototype, "requestDevice")
    .mockImplementation(async function (this: GPUAdapter, descriptor) {
      const device = await requestDevice.call(this, descriptor);
      devices.push(device);
      return device;
    });
  const api = new Api();
  const events = listen(api);
  const onGpu = { ...small, device: "webgpu" } as const;
  await api.load(onGpu);
  const before = await api.generate(1, [await testImage()], options);
  const running = api.generate(1, [await testImage()], {
    ...options,
    maxTokens: 400,
  });
  const rejected = expect(running).rejects.toEqual(failsWith("device-lost"));
  events.length = 0;
  await event(events, "token");
  devices.at(-1)?.destroy();
  await rejected;
  await event(events, "device-lost");
  await expect(api.generate(1, [await testImage()], options)).rejects.toEqual(
    failsWith("device-lost"),
  );
  await api.load(onGpu);
  const after = await api.generate(1, [await testImage()], options);
  expect(after.tokenIds).toEqual(before.tokenIds);
  await api.dispose();
  spy.mockRestore();
});
