import { expect, test } from "vitest";
import { ContextWindow, type ContextEntry } from "./context-window";

const entry = (role: ContextEntry["role"], tokens: number): ContextEntry => {
  return { role, text: `${role} ${tokens}`, images: [], tokens };
};
const usage = ({ entries }: ContextWindow): number[] =>
  entries.map(({ tokens }) => tokens);

test("counts the tokens of all messages", () => {
  const context = new ContextWindow(1000, [entry("system", 10)]);
  context.add([entry("user", 5), entry("assistant", 7)]);
  expect(context.usage).toBe(22);
  expect(context.left).toBe(978);
});

test("evicts the oldest question with its answer, never the initial messages", () => {
  const context = new ContextWindow(100, [entry("system", 10)]);
  context.add([entry("user", 20), entry("assistant", 20)]);
  context.add([entry("user", 11), entry("assistant", 12)]);
  expect(context.makeRoom(26)).toBe(false);
  expect(context.makeRoom(40)).toBe(true);
  expect(usage(context)).toEqual([10, 11, 12]);
  expect(context.makeRoom(90)).toBe(true);
  expect(usage(context)).toEqual([10]);
  expect(context.makeRoom(90)).toBe(false);
});

test("throws QuotaExceededError for more tokens than fit", () => {
  const context = new ContextWindow(100, [entry("system", 10)]);
  context.add([entry("user", 20)]);
  expect(() => context.makeRoom(91)).toThrow(
    expect.objectContaining({
      name: "QuotaExceededError",
      requested: 101,
      quota: 100,
    }),
  );
  expect(usage(context)).toEqual([10, 20]);
  expect(() => new ContextWindow(9, [entry("system", 10)])).toThrow(
    expect.objectContaining({ name: "QuotaExceededError", requested: 10 }),
  );
});

test("a clone is independent", () => {
  const context = new ContextWindow(100, [entry("system", 10)]);
  context.add([entry("user", 20)]);
  const copy = context.clone();
  copy.add([entry("assistant", 5)]);
  expect([context.usage, copy.usage]).toEqual([30, 35]);
});
