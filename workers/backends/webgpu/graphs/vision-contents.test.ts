import { expect, test } from "vitest";
import { Made, planOf } from "../../../testing/made-encoder";

/** The picture's height, as a number of the graph. */
function heightOf(made: Made): string {
  const shape = made.op("Shape", ["in"]);
  const [from, to] = [2, 3].map((at) => made.integers(`at ${at}`, [1], [at]));
  const height = made.op("Slice", [shape, from ?? "", to ?? ""]);
  return made.op("Cast", [height], { to: 1 });
}

test.each([
  ["a kernel", (m: Made, x: string) => m.op("Mul", [x, heightOf(m)])],
  ["a bias", (m: Made, x: string) => m.op("Add", [x, heightOf(m)])],
  [
    "each channel of a kernel",
    (m: Made, x: string) => {
      const each = m.vector("each", [1, -2, 3]);
      return m.op("Mul", [x, m.op("Div", [each, heightOf(m)])]);
    },
  ],
])("a side that %s depends on is not run with another's", async (_, scale) => {
  const made = new Made();
  const conv = made.conv(made.pooled, "c", [3, 3, 1, 1]);
  const plan = await planOf(made.done(scale(made, conv)));
  expect(() => plan.graph(128)).not.toThrow();
  expect(() => plan.graph(192)).toThrow("other weights");
});
