import { expect, test } from "vitest";
import { unroll } from "./unroll";

test("unrolls nested loops", () => {
  const code = `fn f() {
  // unroll
  for (var row = 0u; row < ROWS; row++) {
    let rows = row;
    // unroll
    for (var i = 0u; i < TWO; i++) {
      if (i > row) { sums[row][i] += 1.0; }
    }
  }
}`;
  const text = unroll(code, { ROWS: 2, TWO: 2 });
  expect(text.replace(/\s+/g, " ")).toBe(
    "const ROWS = 2u; const TWO = 2u; fn f() { " +
      "{ let rows = 0u; { if (0u > 0u) { sums[0u][0u] += 1.0; } } " +
      "{ if (1u > 0u) { sums[0u][1u] += 1.0; } } } " +
      "{ let rows = 1u; { if (0u > 1u) { sums[1u][0u] += 1.0; } } " +
      "{ if (1u > 1u) { sums[1u][1u] += 1.0; } } } }",
  );
});

test("keeps a loop without the marker", () => {
  const code = "for (var i = 0u; i < N; i++) { a[i] = 0; }";
  expect(unroll(code, { N: 3 })).toBe(`const N = 3u;\n${code}`);
});

test("throws for an unknown bound or a missing brace", () => {
  const loop = "// unroll\nfor (var i = 0u; i < N; i++) {";
  expect(() => unroll(`${loop} }`, {})).toThrow("N is not in the constants");
  expect(() => unroll(loop, { N: 1 })).toThrow("no closing brace");
});
