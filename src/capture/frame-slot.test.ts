import { expect, test } from "vitest";
import { FrameSlot } from "./frame-slot";
import type { Frame } from "../shared/protocol";

const never = new AbortController().signal;

function fakeFrame(): Frame & { closed: boolean } {
  const frame = {
    closed: false,
    close(): void {
      frame.closed = true;
    },
  };
  return frame as unknown as Frame & { closed: boolean };
}

test("keeps the newest frame, closes and counts older ones", async () => {
  const slot = new FrameSlot();
  const frames = [fakeFrame(), fakeFrame(), fakeFrame()];
  frames.forEach((frame, at) => slot.put(frame, at));
  const taken = await slot.take(never);
  expect(taken.frame).toBe(frames[2]);
  expect(taken.time).toBe(2);
  expect(taken.dropped).toBe(2);
  expect(frames.map(({ closed }) => closed)).toEqual([true, true, false]);
});

test("returns a frame once and then counts from zero", async () => {
  const slot = new FrameSlot();
  slot.put(fakeFrame(), 0);
  slot.put(fakeFrame(), 1);
  await slot.take(never);
  const next = slot.take(never);
  slot.put(fakeFrame(), 2);
  expect(await next).toMatchObject({ time: 2, dropped: 0 });
});

test("stops waiting when the signal aborts, and leaves the frame for the next caller", async () => {
  const slot = new FrameSlot();
  const controller = new AbortController();
  const taking = slot.take(controller.signal);
  controller.abort();
  await expect(taking).rejects.toMatchObject({ code: "aborted" });
  const frame = fakeFrame();
  slot.put(frame, 0);
  expect((await slot.take(never)).frame).toBe(frame);
  expect(frame.closed).toBe(false);
});

test("gives one frame each to two callers", async () => {
  const slot = new FrameSlot();
  const takings = [slot.take(never), slot.take(never)];
  slot.put(fakeFrame(), 0);
  await Promise.race(takings);
  slot.put(fakeFrame(), 1);
  const taken = await Promise.all(takings);
  expect(taken.map(({ time }) => time).sort()).toEqual([0, 1]);
});

test("clear closes the held frame", () => {
  const slot = new FrameSlot();
  const frame = fakeFrame();
  slot.put(frame, 0);
  slot.clear();
  expect(frame.closed).toBe(true);
});

test("replaces a taken frame by a newer one", async () => {
  const slot = new FrameSlot();
  slot.put(fakeFrame(), 0);
  const taken = await slot.take(never);
  expect(taken.newer?.()).toBeUndefined();
  slot.put(fakeFrame(), 1);
  const last = fakeFrame();
  slot.put(last, 2);
  const newer = taken.newer?.();
  expect(newer).toMatchObject({ frame: last, time: 2, dropped: 2 });
  expect(newer?.newer?.()).toBeUndefined();
  expect(taken.newer?.()).toBeUndefined();
  slot.put(fakeFrame(), 3);
  expect(await slot.take(never)).toMatchObject({ time: 3, dropped: 0 });
});
