import { afterEach, beforeEach, expect, test, vi } from "vitest";
import "../../element/define";
import type { FastVlmElement } from "../../index";
import { VlmError } from "../../shared/errors";
import { openDemo } from "../../testing/demo-page";
import type { FakeVlm, Script } from "../../testing/fake-worker";
import { byId } from "./dom";
import { setUpPerformance } from "./performance-panel";
import { Page } from "./page";
import { setUpStorage } from "./storage";
import { setUpModelPanel, type ModelPanel } from "./model-panel";
import { setUpImageOptions } from "./image-options";

let vlm: FastVlmElement;
let fake: FakeVlm;
let page: Page;
let panel: ModelPanel;

beforeEach(() => localStorage.clear());
afterEach(() => {
  // Before removing the page, which it updates.
  vlm.dispose();
  document.body.replaceChildren();
});

function open(script: Partial<Script> = {}, model = "nano"): void {
  ({ vlm, fake } = openDemo(script));
  vlm.model = model;
  for (const id of ["model-panel", "performance-panel"]) {
    byId(id, HTMLDetailsElement).open = true;
  }
  page = new Page(vlm, false);
  panel = setUpModelPanel(page);
  setUpImageOptions(page);
  setUpPerformance(page);
  setUpStorage(page);
}

/** As it is displayed. */
const textOf = (id: string): string =>
  byId(id, HTMLElement).textContent?.trim().replace(/\s+/g, " ") ?? "";
const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
const report = (): string => textOf("model-report");
/** The text of the error, which is removed when there is none. */
const error = (): string =>
  document.getElementById("model-error")?.textContent?.trim() ?? "";
/** The text of the status region. */
const status = (): string => textOf("model-status");
const calls = (): string => fake.calls.join("; ");

function choose(id: string, value: string): void {
  const select = byId(id, HTMLSelectElement);
  select.value = value;
  select.dispatchEvent(new Event("change"));
}

function tick(id: string): void {
  byId(id, HTMLInputElement).click();
}

function chooseFolder(...paths: string[]): void {
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

test("shows the download size and waits for consent and a click", async () => {
  open({ pace: 20 });
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).toMatch(/Download\s*510 MB/));
  for (const text of [
    /Already stored\s*595 MB/,
    /5 files, 1\.11 GB/,
    /onnx\/vision_encoder\.onnx\s*505 MB\s*complete/,
    /onnx\/embed_tokens_fp16\.onnx\s*272 MB\s*33 %/,
    /Memory, about 1\.37 GB/,
    /Decoder: q4\s*q4: a quarter of the bytes/,
    /without half precision/,
  ]) {
    expect(report()).toMatch(text);
  }
  expect(status()).toMatch(/: 510 MB to download\.$/);
  const link = byId("model-report", HTMLElement).querySelector("a");
  expect(link?.href).toMatch(/^https:\/\/huggingface\.co\/apple\/.*LICENSE$/);
  expect(button("load-model").disabled).toBe(true);
  expect(textOf("load-model")).toBe("Download model (510 MB)");
  expect(calls()).not.toMatch(/load/);

  tick("consent");
  await vi.waitFor(() => expect(button("load-model").disabled).toBe(false));
  button("load-model").focus();
  button("load-model").click();
  await vi.waitFor(() =>
    expect(document.activeElement?.id).toBe("cancel-load"),
  );
  await vi.waitFor(() => expect(vlm.info?.name).toBe("fake"));
  await vi.waitFor(() => expect(report()).toBe(""));
  expect(textOf("about-model")).toBe("fake");
  expect(button("load-model").hidden).toBe(true);
  expect(document.activeElement?.id).toBe("model");

  // Consent is given once.
  choose("model", "nano");
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).toMatch(/Licence/));
  expect(document.getElementById("consent")).toBeNull();
  expect(button("load-model").disabled).toBe(false);
});

test("a model with a compatibility issue cannot be loaded", async () => {
  const unsupportedReason =
    "A buffer of 2.1 GB is larger than this adapter allows.";
  open({ report: { unsupportedReason } });
  byId("model-id", HTMLInputElement).value = "somebody/else";
  byId("other", HTMLFormElement).requestSubmit();
  await vi.waitFor(() => expect(report()).toContain(unsupportedReason));
  expect(button("load-model").disabled).toBe(true);
});

test("an unpublished model shows what to do instead", async () => {
  open();
  choose("model", "fastvlm-7b");
  await vi.waitFor(() => expect(error()).toMatch(/python tools\/convert/));
  expect(status()).toBe(error());
  choose("model", "nano");
  await vi.waitFor(() => expect(error()).toBe(""));
});

test("shows a failed inspection, unless another model was chosen since", async () => {
  const inspectError = new VlmError("offline", "No network.", "Connect.");
  open({ inspectError, pace: 20 });
  choose("model", "fastvlm-0.5b");
  choose("model", "nano");
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
  expect(error()).toBe("");
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(error()).toBe("No network. Connect."));
});

test("a failed inspection can be tried again", async () => {
  const inspectError = new VlmError("offline", "No network.", "Connect.");
  open();
  const { script } = fake;
  fake.script = { ...script, inspectError };
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  expect(textOf("load-model")).toBe("Try again");
  fake.script = script;
  button("load-model").click();
  await vi.waitFor(() => expect(report()).toMatch(/Precision/));
  expect(error()).toBe("");
  expect(textOf("load-model")).toBe("Download model (510 MB)");
});

test("a cancelled load is inspected again", async () => {
  open({ pace: 30 }, "somebody/else");
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  button("load-model").click();
  await vi.waitFor(() =>
    expect(byId("download-text", HTMLElement).textContent).toMatch(
      /of 20\.0 MB · \d+ % · 4\.0 MB\/s · \d s left/,
    ),
  );
  button("cancel-load").click();
  await vi.waitFor(() => expect(fake.calls.at(-1)).toMatch(/^inspect/));
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  expect(button("cancel-load").hidden).toBe(true);
  expect(error()).toBe("");
});

test("a failed load shows the error and the current model", async () => {
  const loadError = new VlmError("model-corrupt", "x.onnx is cut.", "Again.");
  open({ info: { name: "first" } });
  await vlm.load();
  fake.script = { ...fake.script, loadError };
  byId("model-id", HTMLInputElement).value = "somebody/else";
  byId("other", HTMLFormElement).requestSubmit();
  await vi.waitFor(() => expect(button("load-model").hidden).toBe(false));
  button("load-model").click();
  await vi.waitFor(() => expect(error()).toBe("x.onnx is cut. Again."));
  // The element announces it.
  expect(status()).not.toContain("x.onnx");
  expect(textOf("about-model")).toBe("first");
});

const stored = {
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

test("loads a folder at once, since it needs no download", async () => {
  open({ report: stored });
  chooseFolder("mine/config.json", "mine/onnx/a.onnx");
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
  expect(calls()).toMatch(/load mine auto/);
});

test("a folder under Apple's licence waits for consent", async () => {
  const license = { id: "apple-amlr", name: "Apple" };
  open({ report: { ...stored, license } });
  chooseFolder("mine/config.json");
  await vi.waitFor(() => expect(report()).toMatch(/Licence: Apple/));
  expect(calls()).not.toMatch(/load/);
  tick("consent");
  await vi.waitFor(() => expect(button("load-model").disabled).toBe(false));
  button("load-model").click();
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
});

test("with loading=manual, sets a folder without loading it", async () => {
  ({ vlm, fake } = openDemo({ report: stored }));
  vlm.model = "nano";
  setUpModelPanel(new Page(vlm, true));
  chooseFolder("mine/config.json");
  await vi.waitFor(() => expect(report()).not.toBe(""));
  expect(calls()).not.toMatch(/load/);
  await vlm.load();
  expect(fake.calls.at(-1)).toBe("load mine auto");
});

test("dtype and device apply to the chosen model", async () => {
  open();
  choose("dtype", "q4");
  await vi.waitFor(() => expect(calls()).toMatch(/load .*nano\/ q4/));
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).not.toBe(""));
  choose("dtype", "fp16");
  await vi.waitFor(() => expect(fake.calls.at(-1)).toMatch(/^inspect onnx-/));
  expect(calls()).not.toMatch(/load onnx/);
});

test("does not link a licence URL other than http(s)", async () => {
  const license = { id: "x", name: "X", url: "javascript:alert(1)" };
  open({ report: { license } }, "somebody/else");
  await vi.waitFor(() => expect(report()).toMatch(/Licence: X/));
  expect(document.querySelector("#model-report a")).toBeNull();
});

test("lists and deletes stored models", async () => {
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
  expect(byId("stored", HTMLElement).hidden).toBe(true);
  await vlm.load();
  await vi.waitFor(() =>
    expect(byId("stored", HTMLElement).hidden).toBe(false),
  );
  const list = byId("stored-list", HTMLElement);
  expect(list.textContent).toMatch(
    /one\/a\s*1\.10 GB\s*Delete\s*two\/b\s*12\.0 MB, incomplete\s*Delete\s*three\/c.*metadata only/s,
  );
  const remove = (name: string): void =>
    list
      .querySelector<HTMLButtonElement>(`[aria-label='Delete ${name}']`)
      ?.click();
  const focused = (): Element | null => document.activeElement;
  remove("one/a");
  await vi.waitFor(() => expect(list.textContent).not.toMatch("one/a"));
  expect(fake.calls).toContain("remove a");
  // Focus moves to the summary, and to the model panel when it disappears.
  await vi.waitFor(() => expect(focused()?.parentElement?.id).toBe("stored"));
  remove("two/b");
  remove("three/c");
  await vi.waitFor(() =>
    expect(focused()?.parentElement?.id).toBe("model-panel"),
  );
});

test("the image options apply without loading", async () => {
  open({ info: { size: 1024, sizes: [512, 1024] } });
  await vlm.load();
  const { length } = fake.calls;
  await vi.waitFor(() =>
    expect(textOf("size-note")).toBe(
      "256 image tokens. fake was trained at 1024 px.",
    ),
  );
  const sizes = [...byId("size", HTMLSelectElement).options];
  expect(sizes.map(({ text }) => text.trim())).toEqual(["512 px", "1024 px"]);
  choose("size", "512");
  await vi.waitFor(() =>
    expect(textOf("size-note")).toMatch(/^64 image tokens\..* Other sizes/),
  );
  tick("anyres");
  await vi.waitFor(() =>
    expect(textOf("size-note")).toMatch(/^320 image tokens/),
  );
  choose("fit", "crop");
  choose("style", "demo");
  const background = byId("background", HTMLInputElement);
  expect(background.value).toBe("#ffffff");
  background.value = "#336699";
  background.dispatchEvent(new Event("input"));
  const { size, anyres, fit, promptStyle } = vlm;
  expect({ size, anyres, fit, promptStyle }).toEqual({
    ...{ size: 512, anyres: true, fit: "crop", promptStyle: "demo" },
  });
  expect(vlm.background).toBe("#336699");
  expect(fake.calls).toHaveLength(length);
});

test("another model starts with its own size", async () => {
  open({ report: stored });
  vlm.size = 512;
  choose("dtype", "q4");
  await vi.waitFor(() => expect(vlm.info).toBeDefined());
  expect(vlm.size).toBe(512);
  chooseFolder("mine/config.json");
  await vi.waitFor(() => expect(calls()).toMatch(/load mine/));
  expect(vlm.size).toBe(0);
});

test("a check can be cancelled and repeated", async () => {
  open({ pace: 300 });
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).toMatch(/^Checking the model…/));
  button("cancel-check").focus();
  button("cancel-check").click();
  await vi.waitFor(() => expect(calls()).toMatch(/abort$/));
  expect(report()).toBe("");
  expect(error()).toBe("");
  expect(document.activeElement?.id).toBe("load-model");
  expect(textOf("load-model")).toBe("Try again");
  button("load-model").click();
  await vi.waitFor(() => expect(report()).toMatch(/Precision/));
});

test("says which folder is chosen", async () => {
  open({ report: stored });
  choose("model", "folder");
  await vi.waitFor(() =>
    expect(textOf("local")).toMatch(/drop it on the page/),
  );
  chooseFolder("mine/config.json", "mine/onnx/a.onnx");
  await vi.waitFor(() =>
    expect(textOf("local")).toBe(
      "Folder “mine”. Its files are not copied. Choose another folder",
    ),
  );
});

test("offers a model of the registry", async () => {
  open();
  panel.offer("fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).toMatch(/Licence/));
  expect(byId("model", HTMLSelectElement).value).toBe("fastvlm-0.5b");
  expect(document.activeElement?.id).toBe("model");
});

test("speaks German", async () => {
  open();
  page.language = "de";
  choose("model", "fastvlm-0.5b");
  await vi.waitFor(() => expect(report()).toMatch(/Bereits gespeichert/));
  expect(textOf("load-model")).toBe("Modell herunterladen (510 MB)");
  expect(textOf("size")).toBe("Vorgabe des Modells");
  document.documentElement.lang = "en";
});
