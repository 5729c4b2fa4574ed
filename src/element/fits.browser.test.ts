import { expect, test } from "vitest";
import { VlmError } from "../shared/errors";
import { Mounted } from "../testing/mounted";
import "./define";

let mounted: Mounted;

test("a wide element leaves room for the caption in the viewport", async () => {
  mounted = new Mounted();
  mounted.vlm.style.inlineSize = "3000px";
  await mounted.vlm.updateComplete;
  const stage = mounted.part("stage")?.getBoundingClientRect();
  expect(stage?.height).toBeCloseTo(0.7 * innerHeight, 0);
  expect(stage?.width).toBe(3000);
});

test("a long URL in an error wraps", async () => {
  const address = `http://${"a".repeat(80)}.example/`;
  const loadError = new VlmError("offline", `${address} is away.`, "Wait.");
  mounted = new Mounted({ loadError });
  const { vlm } = mounted;
  vlm.style.inlineSize = "240px";
  await expect(vlm.load()).rejects.toThrow("is away");
  await vlm.updateComplete;
  const caption = mounted.part("caption");
  expect(caption?.scrollWidth).toBe(240);
});
