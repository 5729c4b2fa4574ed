import { afterEach, beforeEach, expect, test, vi } from "vitest";
import "../../element/define";
import type { FastVlmElement } from "../../index";
import { VlmError } from "../../shared/errors";
import { openDemo } from "../../testing/demo-page";
import type { FakeVlm, Script } from "../../testing/fake-worker";
import { byId } from "./dom";
import { setUpAbout } from "./about";
import { setUpKept } from "./storage";
import { setUpModel } from "./model-panel";
import { setUpSeeing } from "./image-options";

let vlm: FastVlmElement;
let fake: FakeVlm;

beforeEach(() => localStorage.clear());
afterEach(() => {
  // While the page is there to be told.
  vlm.dispose();
  document.body.replaceChildren();
});

function open(script: Partial<Script> = {}, model = "nano"): void {
  ({ vlm, fake } = openDemo(script));
  vlm.model = model;
  setUpModel(vlm, false);
  setUpSeeing(vlm);
  setUpAbout(vlm);
  setUpKept(vlm);
}

const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
const offered = (): string => byId("offer", HTMLElement).textContent ?? "";
const told = (): string => byId("model-error", HTMLElement).textContent ?? "";
/** What the polite region of the panel says. */
const heard = (): string => byId("model-told", HTMLElement).textContent ?? "";
const calls = (): string => fake.calls.join("; ");

function choose(id: string, value: string): void {
  const select = byId(id, HTMLSelectElement);
  select.value = value;
  select.dispatchEvent(new Event("change"));
}

function tick(id: string): void {
  byId(id, HTMLInputElement).click();
}

function give(...paths: string[]): void {
  const input = byId("folder-file", HTMLInputElement);
  const transfer = new DataTransfer();
  for (const path of paths) {
    transfer.items.add(new File(["{}"], path.split("/").at(-1) ?? ""));
  }
  input.files = transfer.files;
  [...input.files].forEach((file, at) =>
    Object.defineProperty(file, "webkitRelativePath", { value: paths[at] }),
  );
  input.dispatchEvent(new Event("change"));
}

test("a model shows what it costs and waits for consent and a click", async () => {
  open({ pace: 20 });
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(offered()).toMatch(/To download\s*510 MB/));
  for (const text of [
    /Here already\s*595 MB/,
    /5 files, 1\.11 GB/,
    /onnx\/vision_encoder\.onnx\s*505 MB\s*whole/,
    /onnx\/embed_tokens_fp16\.onnx\s*272 MB\s*33 %/,
    /Memory, about 1\.37 GB/,
    /Decoder: q4\s*q4: a quarter of the bytes/,
    /without half precision/,
  ]) {
    expect(offered()).toMatch(text);
  }
  expect(heard()).toMatch(/: 510 MB to download\.$/);
  const link = byId("offer", HTMLElement).querySelector("a");
  expect(link?.href).toMatch(/^https:\/\/huggingface\.co\/apple\/.*LICENSE$/);
  expect(button("load-model").disabled).toBe(true);
  expect(calls()).not.toMatch(/load/);

  tick("consent");
  expect(button("load-model").disabled).toBe(false);
  button("load-model").focus();
  button("load-model").click();
  await vi.waitFor(() =>
    expect(document.activeElement?.id).toBe("cancel-load"),
  );
  await vi.waitFor(() => expect(vlm.info?.name).toBe("fake"));
  await vi.waitFor(() => expect(offered()).toBe(""));
  expect(byId("in-use", HTMLElement).textContent).toBe("fake on WASM");
  expect(button("load-model").hidden).toBe(true);
  expect(document.activeElement?.id).toBe("model");

  // Consent is given once.
  choose("model", "nano");
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(offered()).toMatch(/Licence/));
  expect(document.getElementById("consent")).toBeNull();
  expect(button("load-model").disabled).toBe(false);
});

test("what cannot run says so and cannot be loaded", async () => {
  const obstacle = "A buffer of 2.1 GB is larger than this adapter allows.";
  open({ report: { obstacle } });
  byId("model-id", HTMLInputElement).value = "somebody/else";
  byId("other", HTMLFormElement).requestSubmit();
  await vi.waitFor(() => expect(offered()).toContain(obstacle));
  expect(button("load-model").disabled).toBe(true);
});

test("a model nobody publishes says what to do instead", async () => {
  open();
  choose("model", "fastvlm-7b");
  await vi.waitFor(() => expect(told()).toMatch(/python tools\/convert/));
  expect(byId("model-error", HTMLElement).hidden).toBe(false);
  expect(heard()).toBe(told());
  choose("model", "nano");
  expect(byId("model-error", HTMLElement).hidden).toBe(true);
});

test("a report that fails is told; a later choice is not disturbed by it", async () => {
  const inspectError = new VlmError("offline", "No network.", "Connect.");
  open({ inspectError, pace: 20 });
  choose("model", "fastvlm-0.5b");
  choose("model", "nano");
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
  expect(told()).toBe("");
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(told()).toBe("No network. Connect."));
});

test("what nobody answered can be asked again", async () => {
  const inspectError = new VlmError("offline", "No network.", "Connect.");
  open();
  const { script } = fake;
  fake.script = { ...script, inspectError };
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  expect(button("load-model").textContent).toBe("Try again");
  fake.script = script;
  button("load-model").click();
  await vi.waitFor(() => expect(offered()).not.toBe(""));
  expect(told()).toBe("");
  expect(button("load-model").textContent).toBe("Load");
});

test("a load can be cancelled; what arrived meanwhile is counted again", async () => {
  open({ pace: 30 }, "somebody/else");
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  button("load-model").click();
  await vi.waitFor(() =>
    expect(byId("fetched", HTMLElement).textContent).toMatch(
      /of 20\.0 MB · \d+ % · 4\.0 MB\/s · \d s left/,
    ),
  );
  button("cancel-load").click();
  await vi.waitFor(() => expect(fake.calls.at(-1)).toMatch(/^inspect/));
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  expect(button("cancel-load").hidden).toBe(true);
  expect(told()).toBe("");
});

test("a failed load names the failure and what is still in use", async () => {
  const loadError = new VlmError("model-corrupt", "x.onnx is cut.", "Again.");
  open({ info: { name: "first" } });
  await vlm.load();
  fake.script = { ...fake.script, loadError };
  byId("model-id", HTMLInputElement).value = "somebody/else";
  byId("other", HTMLFormElement).requestSubmit();
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  button("load-model").click();
  await vi.waitFor(() => expect(told()).toBe("x.onnx is cut. Again."));
  // The element announces it already.
  expect(heard()).not.toContain("x.onnx");
  expect(byId("in-use", HTMLElement).textContent).toBe("first on WASM");
});

const free = {
  chosen: {
    dtypes: {
      vision_encoder: "fp32",
      embed_tokens: "fp32",
      decoder_model_merged: "fp32",
    },
    ...{ files: [], bytes: 5, missing: 0 },
    memory: {
      ...{ weights: 5, activations: 1, cache: 1, contextTokens: 8, total: 7 },
    },
  },
} as const;

test("a folder is loaded at once, as it costs nothing", async () => {
  open({ report: free });
  give("mine/config.json", "mine/onnx/a.onnx");
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
  expect(calls()).toMatch(/load mine auto/);
});

test("a folder under Apple's licence waits for consent", async () => {
  const license = { id: "apple-amlr", name: "Apple" };
  open({ report: { ...free, license } });
  give("mine/config.json");
  await vi.waitFor(() => expect(offered()).toMatch(/Licence: Apple/));
  expect(calls()).not.toMatch(/load/);
  tick("consent");
  button("load-model").click();
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
});

test("with load=manual a folder becomes the element's, unloaded", async () => {
  ({ vlm, fake } = openDemo({ report: free }));
  vlm.model = "nano";
  setUpModel(vlm, true);
  give("mine/config.json");
  await vi.waitFor(() => expect(offered()).not.toBe(""));
  expect(calls()).not.toMatch(/load/);
  await vlm.load();
  expect(fake.calls.at(-1)).toBe("load mine auto");
});

test("precision and device are of the model chosen", async () => {
  open();
  choose("dtype", "q4");
  await vi.waitFor(() => expect(calls()).toMatch(/load .*nano\/ q4/));
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(offered()).not.toBe(""));
  choose("dtype", "fp16");
  await vi.waitFor(() => expect(fake.calls.at(-1)).toMatch(/^inspect onnx-/));
  expect(calls()).not.toMatch(/load onnx/);
});

test("a link from a card that is no web address is no link", async () => {
  const license = { id: "x", name: "X", url: "javascript:alert(1)" };
  open({ report: { license } }, "somebody/else");
  await vi.waitFor(() => expect(offered()).toMatch(/Licence: X/));
  expect(document.querySelector("#offer a")).toBeNull();
});

test("kept models are listed and deleted", async () => {
  const source = { kind: "url", url: "http://a.b/" } as const;
  const cut = { path: "onnx/a.onnx", bytes: 50e6, kept: 12e6 };
  const whole = { path: "onnx/a.onnx", bytes: 1.1e9, kept: 1.1e9 };
  const small = { path: "config.json", bytes: 9e3, kept: 9e3 };
  open({
    stored: [
      { key: "a", name: "one/a", source, bytes: 1.1e9, files: [whole] },
      { key: "b", name: "two/b", source, bytes: 12e6, files: [small, cut] },
      { key: "c", name: "three/c", source, bytes: 9e3, files: [small] },
    ],
  });
  expect(byId("kept", HTMLElement).hidden).toBe(true);
  await vlm.load();
  await vi.waitFor(() => expect(byId("kept", HTMLElement).hidden).toBe(false));
  const list = byId("kept-list", HTMLElement);
  expect(list.textContent).toMatch(
    /one\/a\s*1\.10 GB\s*Delete\s*two\/b\s*12\.0 MB, a part\s*Delete\s*three\/c.*its description only/s,
  );
  const remove = (name: string): void =>
    list
      .querySelector<HTMLButtonElement>(`[aria-label='Delete ${name}']`)
      ?.click();
  const focused = (): Element | null => document.activeElement;
  remove("one/a");
  await vi.waitFor(() => expect(list.textContent).not.toMatch("one/a"));
  expect(fake.calls).toContain("remove a");
  // Focus stays near, and where it can when the last one goes.
  await vi.waitFor(() => expect(focused()?.parentElement?.id).toBe("kept"));
  remove("two/b");
  remove("three/c");
  await vi.waitFor(() => expect(focused()?.id).toBe("model"));
});

test("size, fit, style and AnyRes count from the next frame, without a load", async () => {
  open();
  await vlm.load();
  const { length } = fake.calls;
  const note = byId("size-note", HTMLElement);
  choose("size", "1024");
  expect(note.textContent).toMatch(/^256 image tokens/);
  tick("anyres");
  expect(note.textContent).toMatch(/^1,280 image tokens/);
  choose("fit", "crop");
  choose("style", "demo");
  const { size, anyres, fit, promptStyle } = vlm;
  expect({ size, anyres, fit, promptStyle }).toEqual({
    ...{ size: 1024, anyres: true, fit: "crop", promptStyle: "demo" },
  });
  expect(fake.calls).toHaveLength(length);
  const sides = [...byId("size", HTMLSelectElement).options];
  expect(sides.map(({ value }) => Number(value))).toEqual([
    256, 384, 512, 640, 768, 1024, 1152, 1536,
  ]);
});
