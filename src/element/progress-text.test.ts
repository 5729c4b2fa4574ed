import { expect, test } from "vitest";
import { noProgress } from "../shared/protocol";
import { german } from "./texts-de";
import { amountText, phaseText, progressText } from "./progress-text";

const half = { ...noProgress, loaded: 10e6, total: 20e6 };

test.each([
  [half, "10.0 of 20.0 MB · 50 %"],
  [{ ...half, rate: 4e6 }, "10.0 of 20.0 MB · 50 % · 4.0 MB/s"],
  [{ ...half, rate: 4e6, left: 2.5 }, /4\.0 MB\/s · 3 s left$/],
  [{ ...half, loaded: 30e6 }, /· 100 %/],
  [noProgress, ""],
  [{ ...half, phase: "preparing" } as const, ""],
  [{ ...half, phase: "warming" } as const, ""],
  [{ ...half, phase: "preparing", done: 3, steps: 4 } as const, "75 %"],
])("%o", (progress, text) => {
  if (typeof text === "string") expect(amountText(progress)).toBe(text);
  else expect(amountText(progress)).toMatch(text);
});

test("names the phase, the download in another tab, or the rate limit", () => {
  expect(phaseText(half)).toBe("Loading model…");
  expect(phaseText({ ...half, elsewhere: true })).toMatch(/another tab/i);
  expect(phaseText({ ...half, retryIn: 31.2 })).toMatch(/limiting.* in 32 s/);
  expect(phaseText({ ...half, retryIn: 120 }, german)).toMatch(/ in 2 min/);
});

test("one line has the amount, or the phase while nothing arrives", () => {
  expect(progressText(half)).toBe("10.0 of 20.0 MB · 50 %");
  expect(progressText(noProgress)).toBe("Loading model…");
  const warming = { ...half, phase: "warming", done: 1, steps: 4 } as const;
  expect(progressText(warming)).toBe("Warming up model… 25 %");
  expect(progressText({ ...half, elsewhere: true })).toBe(
    "Another tab is downloading the model… 10.0 of 20.0 MB · 50 %",
  );
});

test("formats numbers and texts in another language", () => {
  const progress = { ...half, rate: 4e6, left: 7 };
  expect(amountText(progress, german)).toBe(
    "10,0 von 20,0 MB · 50 % · 4,0 MB/s · noch 7 s",
  );
  expect(phaseText(progress, german)).toBe(german.phases.loading);
});
