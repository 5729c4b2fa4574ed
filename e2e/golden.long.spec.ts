import pairs from "./fixtures/golden/pairs.golden.json" with { type: "json" };
import { load, openQuiet, valueOf } from "./support/element.ts";
import { expectPairs } from "./support/pairs.ts";
import { expect, test } from "./support/test.ts";

test("the page gives PyTorch's tokens for 200 images of the encoder's size", async ({
  page,
}) => {
  await openQuiet(page);
  valueOf(await load(page));
  const square = pairs.filter(({ file }) => file.startsWith("square/"));
  expect(square).toHaveLength(200);
  await expectPairs(page, square);
});
