import { expect, test } from "vitest";
import { asyncDispose, nameIn } from "./async-dispose";

test("await using finds its method, also where the platform lacks the name", () => {
  expect(asyncDispose).toBe(Symbol.asyncDispose);
  expect(nameIn({})).toBe(Symbol.for("Symbol.asyncDispose"));
});
