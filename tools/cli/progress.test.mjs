// @ts-check
import { expect, test } from "vitest";
import { progressPrinter } from "./progress.mjs";

/** @typedef {import("./progress.mjs").ProgressEvent} ProgressEvent */

/** @type {ProgressEvent} */
const start = {
  ...{ type: "progress", phase: "loading", loaded: 0, total: 1000 },
  ...{ rate: 0, elsewhere: false },
};

/** @param {{ isTTY?: boolean, columns?: number }} terminal */
function printed(terminal = {}) {
  /** @type {string[]} */
  const texts = [];
  const stream = {
    ...terminal,
    write: (/** @type {string} */ text) => texts.push(text),
  };
  return { texts, ...progressPrinter("model", stream) };
}

test("prints a line for each tenth without a terminal", () => {
  const { texts, show, end } = printed();
  for (let loaded = 0; loaded <= 1000; loaded += 7) {
    show({ ...start, loaded, missing: 1000 - loaded, rate: 70 });
  }
  show({ ...start, loaded: 1000, missing: 0, rate: 70 });
  show({ ...start, phase: "warming" });
  end();
  expect(texts).toHaveLength(11);
  expect(texts[0]).toMatch(/^model: .* · 0 % · .*\n$/);
  expect(texts.at(-1)).toMatch(/^model: .* · 100 % · .*\n$/);
});

test("prints nothing for a stored model", () => {
  const { texts, show, end } = printed();
  // ONNX Runtime is counted before and after the model's size is known.
  show({ ...start, loaded: 100, total: 0, rate: 70 });
  for (const loaded of [0, 500, 1000]) {
    show({ ...start, loaded, missing: 0, rate: 70 });
  }
  end();
  expect(texts).toEqual([]);
});

test.each([
  [{ elsewhere: true }, "Another tab"],
  [{ retryIn: 60 }, "Retrying in 1 min"],
])("reports waiting once: %j", (why, text) => {
  const { texts, show } = printed();
  show({ ...start, ...why });
  show({ ...start, ...why });
  expect(texts).toEqual([expect.stringContaining(text)]);
});

test("updates one line on a terminal and clears it", () => {
  const { texts, show, end } = printed({ isTTY: true, columns: 30 });
  show({ ...start, loaded: 100, missing: 900, rate: 7_000_000, left: 100 });
  show({ ...start, phase: "warming", loaded: 1000 });
  end();
  expect(texts.join("")).not.toContain("\n");
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(30);
  expect(texts.at(-1)).toBe("\r");
  expect(texts.at(-2)?.trim()).toBe("");
});
