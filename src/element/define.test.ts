import { expect, test } from "vitest";

// In Node: on a server that renders pages.
test("can be imported and constructed without a document", async () => {
  expect(globalThis.document).toBeUndefined();
  const { FastVlmElement, createFastVlm } = await import("../index");
  await import("./define");
  expect(customElements.get("fast-vlm")).toBe(FastVlmElement);
  expect(createFastVlm).toBeTypeOf("function");
  const element = new FastVlmElement();
  expect(element).toMatchObject({ model: "", state: "idle" });
});
