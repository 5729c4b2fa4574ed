import { beforeEach, expect, test, vi } from "vitest";
import type { Dispatch } from "../../ort/command-recorder";
import type { Gpu } from "../../ort/device";
import { Stopped } from "../../util/scheduler";
import { Pace, replay, type ReplayWork } from "./replay";

vi.mock("../../ort/command-recorder", () => ({
  encodeCommands: (pass: string[], part: string[]) => pass.push(...part),
}));

/** The contents of each submit. */
let submits: string[][];
/** Completes a submit. */
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

const ours: ReplayWork = {
  encode: (pass) => {
    (pass as unknown as string[]).push("ours");
  },
};

/** A pace of `ms` per dispatch. */
function paceOf(ms: number): Pace {
  const pace = new Pace();
  pace.measured(ms, 1);
  return pace;
}

/** Lets pending promises and tasks run. */
const idle = () => new Promise((resolve) => setTimeout(resolve, 5));

const sizes = () => submits.map(({ length }) => length);

test("submits short work at once, without waiting", () => {
  void replay(gpu, "a", paceOf(1), [commands(100), ours], {});
  void replay(gpu, "b", paceOf(1), [commands(100)], {});
  expect(sizes()).toEqual([101, 100]);
});

test("waits for earlier work before it submits long work", async () => {
  const replayed = replay(gpu, "a", paceOf(100), [commands(5), ours], {});
  for (const seen of [[2], [2, 2], [2, 2, 2]]) {
    await idle();
    expect(sizes()).toEqual(seen);
    finish.at(-1)?.();
  }
  await replayed;
  expect(submits.flat()).toEqual(["0", "1", "2", "3", "4", "ours"]);
});

test("measures the first part of unknown work before the rest", async () => {
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

test("does not let short works pile up", async () => {
  const replays = [1, 2, 3].map((i) =>
    replay(gpu, `${i}`, paceOf(1), [commands(100)], {}),
  );
  await idle();
  expect(sizes()).toEqual([100, 100]);
  finish.splice(0).forEach((done) => done());
  await Promise.all(replays);
  expect(sizes()).toEqual([100, 100, 100]);
});

test("stops before the next submit", async () => {
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
