import { expect, test, vi } from "vitest";
import type { LoadProgress } from "../../src/shared/protocol";
import { LoadReporter } from "./load-reporter";

vi.useFakeTimers();

function report(runtime?: Parameters<LoadReporter["waitsFor"]>[0]) {
  const events: LoadProgress[] = [];
  const reporter = new LoadReporter((event) => {
    if (event.type === "progress") events.push(event);
  });
  reporter.waitsFor(runtime);
  return { events, reporter };
}

const half = { loaded: 50, total: 100, rate: 10, elsewhere: false };

test("the model and the runtime are one download", () => {
  const runtime = { loaded: 0, total: 200, rate: 5, onBytes: vi.fn() };
  const { events, reporter } = report(runtime);
  reporter.downloading(half);
  expect(events.at(-1)).toMatchObject({
    ...{ phase: "loading", loaded: 50, total: 300, rate: 15 },
    left: 250 / 15,
  });
  runtime.loaded = 200;
  runtime.onBytes();
  expect(events.at(-1)).toMatchObject({ loaded: 250, total: 300 });
  reporter.downloading({ ...half, loaded: 100 });
  reporter.preparing(0, 3);
  const whole = { loaded: 300, total: 300, rate: 0 };
  expect(events.at(-1)).toMatchObject({ phase: "preparing", ...whole });
});

test("the total is unknown until that of the model is known", () => {
  const runtime = { loaded: 70, total: 200, rate: 5, onBytes: vi.fn() };
  const { events, reporter } = report(runtime);
  vi.advanceTimersByTime(100);
  runtime.onBytes();
  expect(events.at(-1)).toMatchObject({ loaded: 70, total: 0 });
  expect(events.at(-1)).not.toHaveProperty("left");
  reporter.downloading(half);
  expect(events.at(-1)).toMatchObject({ loaded: 120, total: 300 });
});

test("a runtime that is loaded already does not count", () => {
  const { events, reporter } = report();
  reporter.downloading(half);
  expect(events.at(-1)).toMatchObject(half);
});

test("the runtime does not report in later phases", () => {
  const runtime = { loaded: 0, total: 200, rate: 5, onBytes: vi.fn() };
  const { events, reporter } = report(runtime);
  reporter.warming();
  vi.advanceTimersByTime(1000);
  runtime.onBytes();
  expect(events.at(-1)?.phase).toBe("warming");
});

test("counts weights and shaders, at intervals", () => {
  const { events, reporter } = report();
  const steps = (): unknown[] =>
    events.map(({ phase, done, steps }) => [phase, done, steps]);
  vi.advanceTimersByTime(100);
  for (let done = 0; done < 3; done++) reporter.preparing(done, 3);
  reporter.shaderCompiled();
  reporter.warming();
  reporter.shaderCompiled();
  vi.advanceTimersByTime(100);
  reporter.shaderCompiled();
  expect(steps()).toEqual([
    ["loading", undefined, undefined],
    ["preparing", 0, 3],
    ["warming", 0, undefined],
    ["warming", 2, undefined],
  ]);
});
