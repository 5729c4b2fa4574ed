import { beforeEach, expect, test } from "vitest";
import { RateLimits } from "./rate-limit";

const { signal } = new AbortController();
const hub = "https://hub.test";

let now: number;
let limits: RateLimits;
let reported: (number | undefined)[];

beforeEach(() => {
  now = 0;
  reported = [];
  limits = new RateLimits({
    now: () => now,
    wait: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  });
  limits.listen((seconds) => reported.push(seconds));
});

test("backs off from seconds to minutes, and gives up after a quarter of an hour", async () => {
  const waits: number[] = [];
  while (limits.refused(hub, undefined)) {
    const before = now;
    await limits.pass(hub, signal);
    waits.push((now - before) / 1000);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, ...Array<number>(6).fill(120)]);
  expect(now).toBeGreaterThan(2 * 300_000);
});

test("reports the seconds left, then the end", async () => {
  limits.refused(hub, 3500);
  await limits.pass(hub, signal);
  expect(reported).toEqual([4, 3, 2, 1, undefined]);
});

test("requests that are refused together wait once", async () => {
  for (let i = 0; i < 4; i++) limits.refused(hub, undefined);
  await limits.pass(hub, signal);
  expect(now).toBe(2000);
});

test("starts again with a short wait after a request was accepted", async () => {
  limits.refused(hub, undefined);
  // Sent before the limit was reached.
  limits.accepted(hub);
  expect(limits.isLimited(hub)).toBe(true);
  await limits.pass(hub, signal);
  limits.accepted(hub);
  limits.refused(hub, undefined);
  await limits.pass(hub, signal);
  expect(now).toBe(4000);
});

test("starts again if the last wait was aborted long ago", async () => {
  limits.refused(hub, undefined);
  now = 3_600_000;
  expect(limits.refused(hub, undefined)).toBe(true);
  await limits.pass(hub, signal);
  expect(now).toBe(3_602_000);
});

test("limits each server on its own", async () => {
  limits.refused(hub, 60_000);
  await limits.pass("https://other.test", signal);
  expect(now).toBe(0);
});

test("does not send requests without a pause, whatever the server asks for", async () => {
  limits.refused(hub, 0);
  await limits.pass(hub, signal);
  expect(now).toBe(1000);
});

test("does not wait for a server that asks for hours", () => {
  expect(limits.refused(hub, 3_600_000)).toBe(false);
});

test("an abort ends the wait at once", async () => {
  const stop = new AbortController();
  const never = new RateLimits({
    now: () => 0,
    wait: () => new Promise(() => undefined),
  });
  never.listen((seconds) => reported.push(seconds));
  never.refused(hub, 120_000);
  const passed = never.pass(hub, stop.signal);
  stop.abort();
  await expect(passed).rejects.toMatchObject({ code: "aborted" });
  expect(reported).toEqual([120, undefined]);
});
