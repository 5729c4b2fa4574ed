import { expect, test } from "vitest";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { Encoder } from "../backends/backend";
import type { Tensor } from "../ort/tensor";
import { Stopped } from "../util/scheduler";
import { ChangeDetector } from "./change-detector";
import { ImageEncoderStage } from "./encode-image";
import type { Preprocessor } from "./preprocess";

/** An image is a number, and so are its pixels and its features. */
interface Fake {
  readonly value: number;
  readonly size: number;
  disposed: boolean;
}

const valueOf = (tensor: unknown) => (tensor as Fake).value;
const frame = (value: number) => ({ value }) as unknown as Frame;

/** `bytes`: size of the features of one image. */
function setUp(bytes = 4) {
  const tensors: Fake[] = [];
  const tensor = (value: number): Tensor => {
    const fake: Fake & { dispose(): void } = {
      value,
      size: bytes / 4,
      disposed: false,
      dispose() {
        this.disposed = true;
      },
    };
    tensors.push(fake);
    return fake as unknown as Tensor;
  };
  const encoded: number[] = [];
  const encoder: Encoder = {
    encode: (pixels) => {
      if (valueOf(pixels) === 1002) throw new Error("encoder failed");
      encoded.push(valueOf(pixels));
      return Promise.resolve(tensor(valueOf(pixels)));
    },
    release: () => Promise.resolve(),
  };
  const preprocessor = {
    views: (_: Frame, { anyres }: GenerateOptions) =>
      anyres ? [0, 1, 2, 3, 4] : [0],
    run: (source: unknown, view: number) => ({ value: valueOf(source) + view }),
  } as unknown as Preprocessor;
  let kept = NaN;
  const changes = new ChangeDetector({
    measure: (pixels) => Promise.resolve(Math.abs(valueOf(pixels) - kept)),
    keep: (pixels) => {
      kept = valueOf(pixels);
    },
    dispose: () => undefined,
  });
  const stage = new ImageEncoderStage(preprocessor, encoder, changes);
  const alive = () => tensors.filter(({ disposed }) => !disposed).length;
  return { stage, encoded, alive };
}

const options = {
  ...{ fit: "letterbox", anyres: false, size: 256, gate: 0 },
} as GenerateOptions;
const context = {
  signal: new AbortController().signal,
  endStage: () => Promise.resolve(),
};

test("encodes a frame without id and drops it after the request", async () => {
  const { stage, encoded, alive } = setUp();
  for (let i = 0; i < 2; i++) {
    const result = await stage.run(frame(5), null, options, context);
    expect(result.origin).toBe("encoded");
    expect(alive()).toBe(1);
    stage.endRequest({ keepNew: true });
    expect(alive()).toBe(0);
  }
  expect(encoded).toEqual([5, 5]);
});

test("reuses an image with the same id and the same options", async () => {
  const { stage, encoded } = setUp();
  const run = async (name: string, change: Partial<GenerateOptions> = {}) => {
    const changed = { ...options, ...change };
    const result = await stage.run(frame(5), name, changed, context);
    stage.endRequest({ keepNew: true });
    return result;
  };
  const first = await run("a");
  const second = await run("a");
  expect(second).toMatchObject({ origin: "reused", image: first.image });
  const others: Partial<GenerateOptions>[] = [
    { size: 512 },
    { fit: "crop" },
    { background: "black" },
    { anyres: true },
  ];
  for (const other of others) {
    const result = await run("a", other);
    expect(result.origin).toBe("encoded");
    expect(result.image.key).not.toBe(first.image.key);
  }
  expect((await run("a")).origin).toBe("reused");
  expect(encoded).toHaveLength(9);
});

test("keeps the eight most recently used images", async () => {
  const { stage, alive } = setUp();
  for (let i = 0; i < 50; i++) {
    await stage.run(frame(i), `image ${i}`, options, context);
    stage.endRequest({ keepNew: true });
    // The first image is used in between.
    await stage.run(frame(0), "image 0", options, context);
    stage.endRequest({ keepNew: true });
  }
  expect(alive()).toBe(8);
  const originOf = async (name: string) =>
    (await stage.run(frame(0), name, options, context)).origin;
  expect(await originOf("image 0")).toBe("reused");
  expect(await originOf("image 49")).toBe("reused");
  expect(await originOf("image 42")).toBe("encoded");
  stage.dispose();
  expect(alive()).toBe(0);
});

test("encodes again what a failed request encoded", async () => {
  const { stage, encoded, alive } = setUp();
  const gated = { ...options, gate: 0.5 };
  for (const keepNew of [false, false, true, false]) {
    await stage.run(frame(5), "a", options, context);
    await stage.run(frame(7), null, gated, context);
    stage.endRequest({ keepNew });
    expect(alive()).toBe(encoded.length < 6 ? 0 : 2);
  }
  expect(encoded).toEqual([5, 7, 5, 7, 5, 7]);
});

test("keeps large images within a byte limit, and all during the request", async () => {
  const { stage, alive } = setUp(15 * 2 ** 20);
  for (let i = 0; i < 5; i++) {
    await stage.run(frame(i), `image ${i}`, options, context);
  }
  expect(alive()).toBe(5);
  stage.endRequest({ keepNew: true });
  expect(alive()).toBe(2);
});

test("frees the features when the encoder fails or the request is aborted", async () => {
  const { stage, alive } = setUp();
  const anyres = { ...options, anyres: true };
  await expect(stage.run(frame(1000), "a", anyres, context)).rejects.toThrow(
    "encoder failed",
  );
  expect(alive()).toBe(0);
  const controller = new AbortController();
  let laps = 0;
  const endStage = () => {
    if (++laps === 4) controller.abort();
    return Promise.resolve();
  };
  const { signal } = controller;
  const stopped = stage.run(frame(1), "a", anyres, { signal, endStage });
  await expect(stopped).rejects.toBeInstanceOf(Stopped);
  expect(alive()).toBe(0);
});

test("returns the last encoded image for a frame that differs less than gate", async () => {
  const { stage, encoded, alive } = setUp();
  const runGated = async (value: number, gate = 0.5) => {
    const gated = { ...options, gate };
    const result = await stage.run(frame(value), null, gated, context);
    stage.endRequest({ keepNew: true });
    return result;
  };
  const first = await runGated(1);
  expect(await runGated(1.4)).toEqual({
    origin: "unchanged",
    image: first.image,
  });
  // Small changes add up.
  expect((await runGated(1.6)).origin).toBe("encoded");
  expect((await runGated(1.4)).origin).toBe("unchanged");
  expect((await runGated(1.4, 0)).origin).toBe("encoded");
  expect((await runGated(1.4)).origin).toBe("unchanged");
  expect(encoded).toEqual([1, 1.6, 1.4]);
  for (let i = 10; i < 100; i++) await runGated(i);
  expect(alive()).toBe(1);
});

test("gated frames do not displace images with ids", async () => {
  const { stage, alive } = setUp();
  const gated = { ...options, gate: 0.5 };
  await stage.run(frame(-1), "a", options, context);
  await stage.run(frame(-2), "b", gated, context);
  stage.endRequest({ keepNew: true });
  for (let i = 0; i < 50; i++) {
    await stage.run(frame(10 * i), null, gated, context);
    stage.endRequest({ keepNew: true });
  }
  expect(alive()).toBe(3);
  for (const name of ["a", "b"]) {
    const same = name === "a" ? options : gated;
    const result = await stage.run(frame(0), name, same, context);
    expect(result.origin).toBe("reused");
  }
});

test("a replaced gated image is valid until the request ends", async () => {
  const { stage, alive } = setUp();
  const gated = { ...options, gate: 0.5 };
  await stage.run(frame(1), null, gated, context);
  stage.endRequest({ keepNew: true });
  const same = await stage.run(frame(1.2), null, gated, context);
  expect(same.origin).toBe("unchanged");
  await stage.run(frame(7), null, gated, context);
  expect(alive()).toBe(2);
  stage.endRequest({ keepNew: true });
  expect(alive()).toBe(1);
});

test("AnyRes ignores gate", async () => {
  const { stage, encoded } = setUp();
  const anyres = { ...options, gate: 1, anyres: true };
  await stage.run(frame(1), null, anyres, context);
  const result = await stage.run(frame(1), null, anyres, context);
  expect(result.origin).toBe("encoded");
  expect(encoded).toHaveLength(10);
});
