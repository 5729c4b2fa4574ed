import { expect, test } from "vitest";
import "../../element/define";
import { applyParams } from "./params";

const under = (search: string): HTMLElementTagNameMap["fast-vlm"] => {
  const element = document.createElement("fast-vlm");
  applyParams(element, search);
  return element;
};

test("without parameters: the carried model, the camera, at once", () => {
  expect(under("")).toMatchObject({
    model: "nano",
    hub: "",
    source: "camera",
    loading: "eager",
    device: "auto",
    dtype: "auto",
    fit: "letterbox",
    anyres: false,
    promptStyle: "reference",
    path: "auto",
    gate: 0,
    draft: "live",
    size: 0,
    prompt: "Describe the image.",
  });
});

test("every parameter sets its attribute", () => {
  const search =
    "?model=a/b@v1&hub=http://localhost:99&device=wasm&dtype=q4&size=320&fit=crop&anyres&style=demo&path=plain&gate=0.05&draft=off&source=none&load=manual&prompt=Read%20it.";
  expect(under(search)).toMatchObject({
    model: "a/b@v1",
    hub: "http://localhost:99",
    source: "none",
    loading: "manual",
    device: "wasm",
    dtype: "q4",
    size: 320,
    fit: "crop",
    anyres: true,
    promptStyle: "demo",
    path: "plain",
    gate: 0.05,
    draft: "off",
    prompt: "Read it.",
  });
});

test("an unknown source is the camera, an unknown fit the usual one", () => {
  expect(under("?source=telepathy&fit=glove")).toMatchObject({
    source: "camera",
    fit: "letterbox",
  });
});

test.each(["0", "false"])("anyres=%s is no AnyRes", (value) => {
  expect(under(`?anyres=${value}`).anyres).toBe(false);
});
