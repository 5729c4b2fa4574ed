import { expect, test } from "vitest";
import "../element/define";
import { applyParams } from "./params";

const under = (search: string): HTMLElementTagNameMap["fast-vlm"] => {
  const element = document.createElement("fast-vlm");
  applyParams(element, search);
  return element;
};

test("without parameters: the carried model, the camera, at once", () => {
  expect(under("")).toMatchObject({
    model: new URL("./models/nano/", document.baseURI).href,
    source: "camera",
    loading: "eager",
    device: "auto",
    dtype: "fp32",
    size: 0,
    prompt: "Describe the image.",
  });
});

test("every parameter sets its attribute", () => {
  const search =
    "?model=small&device=wasm&dtype=q4&size=320&source=none&load=manual&prompt=Read%20it.";
  expect(under(search)).toMatchObject({
    model: new URL("./models/small/", document.baseURI).href,
    source: "none",
    loading: "manual",
    device: "wasm",
    dtype: "q4",
    size: 320,
    prompt: "Read it.",
  });
});

test.each([
  ["/models/other", `${location.origin}/models/other/`],
  ["https://host.test/a/b/", "https://host.test/a/b/"],
  ["https://host.test/a/b", "https://host.test/a/b/"],
])("a model with a slash is an address: %s", (model, url) => {
  expect(under(`?model=${encodeURIComponent(model)}`).model).toBe(url);
});

test("an unknown source is the camera", () => {
  expect(under("?source=telepathy").source).toBe("camera");
});
