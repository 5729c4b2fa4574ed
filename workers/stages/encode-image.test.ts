import { expect, test } from "vitest";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { Encoder } from "../backends/backend";
import { ChangeDetector } from "./change-detector";
import type { Tensor } from "../ort/tensor";
import type { Preprocessor } from "./preprocess";
import { ImageEncoderStage } from "./encode-image";

/** A picture is a number; so are its pixels, and its features. */
interface Fake {
  readonly value: number;
  readonly size: number;
  disposed: boolean;
}

const valueOf = (tensor: unknown) => (tensor as Fake).value;
const frame = (value: number) => ({ value }) as unknown as Frame;

/** `bytes`: of the features of one picture. */
function setUp(bytes = 4) {
  const made: Fake[] = [];
  const tensor = (value: number): Tensor => {
    const fake: Fake & { dispose(): void } = {
      value,
      size: bytes / 4,
      disposed: false,
      dispose() {
        this.disposed = true;
      },
    };
    made.push(fake);
    return fake as unknown as Tensor;
  };
  const encoded: number[] = [];
  const encoder: Encoder = {
    encode: (pixels) => {
      if (valueOf(pixels) === 1002) throw new Error("bad luck");
      encoded.push(valueOf(pixels));
      return Promise.resolve(tensor(valueOf(pixels)));
    },
    release: () => Promise.resolve(),
  };
  const preprocessor = {
    views: (_: Frame, { anyres }: GenerateOptions) =>
      anyres ? [0, 1, 2, 3, 4] : [0],
    run: (seen: unknown, view: number) => ({ value: valueOf(seen) + view }),
  } as unknown as Preprocessor;
  let kept = NaN;
  const gate = new ChangeDetector({
    measure: (pixels) => Promise.resolve(Math.abs(valueOf(pixels) - kept)),
    keep: (pixels) => {
      kept = valueOf(pixels);
    },
    dispose: () => undefined,
  });
  const sight = new ImageEncoderStage(preprocessor, encoder, gate);
  const living = () => made.filter(({ disposed }) => !disposed).length;
  return { sight, encoded, living };
}

const options = {
  ...{ fit: "letterbox", anyres: false, size: 256, gate: 0 },
} as GenerateOptions;
const onlooker = {
  signal: new AbortController().signal,
  lap: () => Promise.resolve(),
};

test("a frame without a name is encoded, and forgotten after the run", async () => {
  const { sight, encoded, living } = setUp();
  for (let run = 0; run < 2; run++) {
    const seen = await sight.see(frame(5), null, options, onlooker);
    expect(seen?.how).toBe("encoded");
    expect(living()).toBe(1);
    sight.endRun(true);
    expect(living()).toBe(0);
  }
  expect(encoded).toEqual([5, 5]);
});

test("a name is known as long as it is seen in the same way", async () => {
  const { sight, encoded } = setUp();
  const see = async (name: string, change: Partial<GenerateOptions> = {}) => {
    const asked = { ...options, ...change };
    const seen = await sight.see(frame(5), name, asked, onlooker);
    sight.endRun(true);
    return seen;
  };
  const first = await see("a");
  const second = await see("a");
  expect(second).toMatchObject({ how: "reused", picture: first?.picture });
  for (const other of [{ size: 512 }, { fit: "crop" }, { anyres: true }]) {
    const seen = await see("a", other as Partial<GenerateOptions>);
    expect(seen?.how).toBe("encoded");
    expect(seen?.picture.key).not.toBe(first?.picture.key);
  }
  expect((await see("a"))?.how).toBe("reused");
  expect(encoded).toHaveLength(8);
});

test("the last few pictures are known, the rest is let go", async () => {
  const { sight, living } = setUp();
  for (let i = 0; i < 50; i++) {
    await sight.see(frame(i), `picture ${i}`, options, onlooker);
    sight.endRun(true);
    // The first one is asked about all the time.
    await sight.see(frame(0), "picture 0", options, onlooker);
    sight.endRun(true);
  }
  expect(living()).toBe(8);
  const how = async (name: string) =>
    (await sight.see(frame(0), name, options, onlooker))?.how;
  expect(await how("picture 0")).toBe("reused");
  expect(await how("picture 49")).toBe("reused");
  expect(await how("picture 42")).toBe("encoded");
  sight.dispose();
  expect(living()).toBe(0);
});

test("what a failed run encoded is seen anew, by name and by the gate", async () => {
  const { sight, encoded, living } = setUp();
  const gated = { ...options, gate: 0.5 };
  for (const sound of [false, false, true, false]) {
    await sight.see(frame(5), "a", options, onlooker);
    await sight.see(frame(7), null, gated, onlooker);
    sight.endRun(sound);
    expect(living()).toBe(encoded.length < 6 ? 0 : 2);
  }
  expect(encoded).toEqual([5, 7, 5, 7, 5, 7]);
});

test("what is forgotten is let go of, and seen anew", async () => {
  const { sight, living } = setUp();
  await sight.see(frame(5), "a", options, onlooker);
  sight.endRun(true);
  sight.forget();
  expect(living()).toBe(0);
  const seen = await sight.see(frame(5), "a", options, onlooker);
  expect(seen?.how).toBe("encoded");
});

test("large pictures are kept while there is room, and during the run", async () => {
  const { sight, living } = setUp(15 * 2 ** 20);
  for (let i = 0; i < 5; i++) {
    await sight.see(frame(i), `picture ${i}`, options, onlooker);
  }
  expect(living()).toBe(5);
  sight.endRun(true);
  expect(living()).toBe(2);
});

test("an encoder that fails leaves nothing behind, nor does an abort", async () => {
  const { sight, living } = setUp();
  const anyres = { ...options, anyres: true };
  await expect(sight.see(frame(1000), "a", anyres, onlooker)).rejects.toThrow(
    "bad luck",
  );
  expect(living()).toBe(0);
  const controller = new AbortController();
  let laps = 0;
  const lap = () => {
    if (++laps === 4) controller.abort();
    return Promise.resolve();
  };
  const { signal } = controller;
  const seen = await sight.see(frame(1), "a", anyres, { signal, lap });
  expect(seen).toBeUndefined();
  expect(living()).toBe(0);
});

test("what differs too little is the picture that was encoded last", async () => {
  const { sight, encoded, living } = setUp();
  const look = async (value: number, gate = 0.5) => {
    const asked = { ...options, gate };
    const seen = await sight.see(frame(value), null, asked, onlooker);
    sight.endRun(true);
    return seen;
  };
  const first = await look(1);
  expect(await look(1.4)).toEqual({
    how: "unchanged",
    picture: first?.picture,
  });
  // Small steps add up.
  expect((await look(1.6))?.how).toBe("encoded");
  expect((await look(1.4))?.how).toBe("unchanged");
  expect((await look(1.4, 0))?.how).toBe("encoded");
  expect((await look(1.4))?.how).toBe("unchanged");
  expect(encoded).toEqual([1, 1.6, 1.4]);
  for (let i = 10; i < 100; i++) await look(i);
  expect(living()).toBe(1);
});

test("frames that pass the gate leave named pictures where they are", async () => {
  const { sight, living } = setUp();
  const gated = { ...options, gate: 0.5 };
  await sight.see(frame(-1), "a", options, onlooker);
  await sight.see(frame(-2), "b", gated, onlooker);
  sight.endRun(true);
  for (let i = 0; i < 50; i++) {
    await sight.see(frame(10 * i), null, gated, onlooker);
    sight.endRun(true);
  }
  expect(living()).toBe(3);
  for (const name of ["a", "b"]) {
    const asked = name === "a" ? options : gated;
    const seen = await sight.see(frame(0), name, asked, onlooker);
    expect(seen?.how).toBe("reused");
  }
});

test("a picture that the gate lets go of is good until the run ends", async () => {
  const { sight, living } = setUp();
  const gated = { ...options, gate: 0.5 };
  await sight.see(frame(1), null, gated, onlooker);
  sight.endRun(true);
  const same = await sight.see(frame(1.2), null, gated, onlooker);
  expect(same?.how).toBe("unchanged");
  await sight.see(frame(7), null, gated, onlooker);
  expect(living()).toBe(2);
  sight.endRun(true);
  expect(living()).toBe(1);
});

test("AnyRes passes no gate", async () => {
  const { sight, encoded } = setUp();
  const asked = { ...options, gate: 1, anyres: true };
  await sight.see(frame(1), null, asked, onlooker);
  const seen = await sight.see(frame(1), null, asked, onlooker);
  expect(seen?.how).toBe("encoded");
  expect(encoded).toHaveLength(10);
});
