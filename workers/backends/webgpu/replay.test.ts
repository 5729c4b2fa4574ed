import { beforeEach, expect, test, vi } from "vitest";
import type { Dispatch } from "../../ort/capture";
import type { Gpu } from "../../ort/device";
import { Stopped } from "../../util/scheduler";
import { Pace, replay, type Work } from "./replay";

vi.mock("../../ort/capture", () => ({
  encodeCommands: (pass: string[], part: string[]) => pass.push(...part),
}));

/** What each submit had in it. */
let submits: string[][];
/** The GPU does one submit. */
let finish: (() => void)[];
let gpu: Gpu;

beforeEach(() => {
  submits = [];
  finish = [];
  const queue = {
    submit: ([content]: string[][]) => submits.push(content ?? []),
    onSubmittedWorkDone: () =>
      new Promise<void>((resolve) => finish.push(resolve)),
  };
  const createCommandEncoder = () => {
    const content: string[] = [];
    const end = () => undefined;
    return {
      beginComputePass: () => Object.assign(content, { end }),
      finish: () => [...content],
    };
  };
  gpu = {
    device: { queue, createCommandEncoder },
    guard: <T>(work: Promise<T>) => work,
    watch: <T>(work: () => T) => work(),
  } as unknown as Gpu;
});

const commands = (count: number) =>
  Array.from({ length: count }, (_, i) => `${i}`) as unknown as Dispatch[];

const ours: Work = {
  encode: (pass) => {
    (pass as unknown as string[]).push("ours");
  },
};

/** Each dispatch takes so many ms. */
function paceOf(ms: number): Pace {
  const pace = new Pace();
  pace.measured(ms, 1);
  return pace;
}

/** Whatever may happen until the GPU is through with something. */
const idle = () => new Promise((resolve) => setTimeout(resolve, 5));

const sizes = () => submits.map(({ length }) => length);

test("what is quick is submitted at once, before anything is awaited", () => {
  void replay(gpu, "a", paceOf(1), [commands(100), ours], {});
  void replay(gpu, "b", paceOf(1), [commands(100)], {});
  expect(sizes()).toEqual([101, 100]);
});

test("what takes long waits for what is before it", async () => {
  const replayed = replay(gpu, "a", paceOf(100), [commands(5), ours], {});
  for (const seen of [[2], [2, 2], [2, 2, 2]]) {
    await idle();
    expect(sizes()).toEqual(seen);
    finish.at(-1)?.();
  }
  await replayed;
  expect(submits.flat()).toEqual(["0", "1", "2", "3", "4", "ours"]);
});

test("of what nobody has measured, a part tells how much may follow at once", async () => {
  let time = 1000;
  vi.spyOn(performance, "now").mockImplementation(() => time);
  const pace = new Pace();
  const replayed = replay(gpu, "a", pace, [commands(500), ours], {});
  const [first = 0] = sizes();
  expect(first).toBeLessThan(100);
  time += first / 2;
  finish.at(-1)?.();
  await replayed;
  expect(sizes()).toEqual([first, 501 - first]);
  vi.restoreAllMocks();
});

test("many quick ones do not pile up", async () => {
  const replays = [1, 2, 3].map((i) =>
    replay(gpu, `${i}`, paceOf(1), [commands(100)], {}),
  );
  await idle();
  expect(sizes()).toEqual([100, 100]);
  finish.splice(0).forEach((done) => done());
  await Promise.all(replays);
  expect(sizes()).toEqual([100, 100, 100]);
});

test("a stop ends what is not submitted yet", async () => {
  const stop = new AbortController();
  const { signal } = stop;
  const replayed = replay(gpu, "a", paceOf(100), [commands(9)], { signal });
  stop.abort();
  finish.at(-1)?.();
  await expect(replayed).rejects.toBeInstanceOf(Stopped);
  expect(sizes()).toEqual([2]);
  const next = replay(gpu, "a", paceOf(1), [commands(9)], { signal });
  await expect(next).rejects.toBeInstanceOf(Stopped);
  expect(sizes()).toEqual([2]);
});
