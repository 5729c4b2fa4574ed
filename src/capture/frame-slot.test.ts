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

test("keeps the newest frame, closes and counts older ones", () => {
  const slot = new FrameSlot();
  const frames = [fakeFrame(), fakeFrame(), fakeFrame()];
  frames.forEach((frame, at) => slot.put(frame, at));
  const taken = slot.take();
  expect(taken).toEqual({ frame: frames[2], time: 2, dropped: 2 });
  expect(frames.map(({ closed }) => closed)).toEqual([true, true, false]);
});

test("returns a frame once and then counts from zero", async () => {
  const slot = new FrameSlot();
  slot.put(fakeFrame(), 0);
  slot.put(fakeFrame(), 1);
  slot.take();
  expect(slot.take()).toBeUndefined();
  const ready = slot.ready(never);
  slot.put(fakeFrame(), 2);
  await ready;
  expect(slot.take()).toMatchObject({ time: 2, dropped: 0 });
});

test("is ready at once while it holds a frame, and does not take it", async () => {
  const slot = new FrameSlot();
  slot.put(fakeFrame(), 0);
  await slot.ready(never);
  await slot.ready(never);
  slot.put(fakeFrame(), 1);
  expect(slot.take()).toMatchObject({ time: 1, dropped: 1 });
});

test("stops waiting when the signal aborts, and leaves the frame for the next caller", async () => {
  const slot = new FrameSlot();
  const controller = new AbortController();
  const ready = slot.ready(controller.signal);
  controller.abort();
  await expect(ready).rejects.toMatchObject({ code: "aborted" });
  const frame = fakeFrame();
  slot.put(frame, 0);
  expect(slot.take()?.frame).toBe(frame);
  expect(frame.closed).toBe(false);
});

test("clear closes the held frame and does not count it", () => {
  const slot = new FrameSlot();
  const frame = fakeFrame();
  slot.put(frame, 0);
  slot.clear();
  expect(frame.closed).toBe(true);
  slot.put(fakeFrame(), 1);
  expect(slot.take()).toMatchObject({ time: 1, dropped: 0 });
});

test("end resolves readers with false", async () => {
  const slot = new FrameSlot();
  const ready = slot.ready(never);
  slot.end();
  expect(await ready).toBe(false);
  expect(await slot.ready(never)).toBe(false);
});
