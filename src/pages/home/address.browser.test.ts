import { expect, test } from "vitest";
import "../../element/define";
import { applyParams } from "./address";

const elementFor = (search: string): HTMLElementTagNameMap["fast-vlm"] => {
  const element = document.createElement("fast-vlm");
  applyParams(element, search);
  return element;
};

test("without parameters, loads the bundled model and uses the camera", () => {
  expect(elementFor("")).toMatchObject({
    model: "nano",
    hub: "",
    source: "camera",
    loading: "eager",
    device: "auto",
    dtype: "auto",
    fit: "letterbox",
    background: "white",
    anyres: false,
    promptStyle: "reference",
    backend: "auto",
    gate: 0,
    draft: "live",
    size: 0,
    prompt: "Describe the image.",
  });
});

test("every parameter sets its attribute", () => {
  const search =
    "?model=a/b@v1&hub=http://localhost:99&device=wasm&dtype=q4&size=320&fit=crop&background=black&anyres&prompt-style=demo&backend=ort&gate=0.05&draft=off&source=none&loading=manual&prompt=Read%20it.";
  expect(elementFor(search)).toMatchObject({
    model: "a/b@v1",
    hub: "http://localhost:99",
    source: "none",
    loading: "manual",
    device: "wasm",
    dtype: "q4",
    size: 320,
    fit: "crop",
    background: "black",
    anyres: true,
    promptStyle: "demo",
    backend: "ort",
    gate: 0.05,
    draft: "off",
    prompt: "Read it.",
  });
});

test("an unknown source is replaced by the camera", () => {
  expect(elementFor("?source=telepathy").source).toBe("camera");
});

test.each(["0", "false"])("anyres=%s disables AnyRes", (value) => {
  expect(elementFor(`?anyres=${value}`).anyres).toBe(false);
});
