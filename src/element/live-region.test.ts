import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LiveRegion } from "./live-region";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("announces a repeated text once", () => {
  const said: string[] = [];
  const announcer = new LiveRegion(({ text }) => said.push(text), 1000);
  announcer.announce({ text: "A red circle." });
  vi.advanceTimersByTime(5000);
  announcer.announce({ text: "A red circle." });
  vi.advanceTimersByTime(5000);
  expect(said).toEqual(["A red circle."]);
});

test("announces the latest of several texts in quick succession", () => {
  const said: string[] = [];
  const announcer = new LiveRegion(({ text }) => said.push(text), 1000);
  for (const text of ["One.", "Two.", "Three."]) announcer.announce({ text });
  expect(said).toEqual(["One."]);
  vi.advanceTimersByTime(1000);
  expect(said).toEqual(["One.", "Three."]);
});

test("stop clears the region and allows the same text again", () => {
  const said: string[] = [];
  const announcer = new LiveRegion(({ text }) => said.push(text), 1000);
  announcer.announce({ text: "One." });
  announcer.announce({ text: "Two." });
  announcer.stop();
  vi.advanceTimersByTime(5000);
  expect(said).toEqual(["One.", ""]);
  announcer.announce({ text: "One." });
  expect(said).toEqual(["One.", "", "One."]);
});
