import { expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";

let mounted: Mounted;

test("starts no worker by itself", async () => {
  const worker = vi.fn();
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.worker = worker;
  await vlm.updateComplete;
  expect(vlm.state).toBe("idle");
  expect(vlm.matches(":state(idle)")).toBe(true);
  expect(worker).not.toHaveBeenCalled();
});

test("load reports its progress, then that the model is ready", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const info = await vlm.load();
  expect(info).toEqual(vlm.info);
  expect(mounted.fake.calls).toEqual([
    `inspect ${location.origin}/models/fake/`,
    `load ${location.origin}/models/fake/ auto`,
  ]);
  expect(mounted.detailsOf("statechange").map(({ state }) => state)).toEqual([
    "loading",
    "warming",
    "ready",
  ]);
  expect(vlm.matches(":state(ready)")).toBe(true);
  expect(vlm.matches(":state(idle)")).toBe(false);
  expect(
    mounted.detailsOf("modelprogress").some(({ total }) => total > 0),
  ).toBe(true);
  expect(mounted.detailsOf("ready")).toEqual([info]);
});

test("an empty answer replaces the previous caption", async () => {
  mounted = new Mounted({ captions: [["A", " cat"]] });
  const { vlm, fake } = mounted;
  await vlm.ask(undefined, { source: await imageFile() });
  expect(vlm.text).toBe("A cat");
  fake.script = { ...fake.script, captions: [[]] };
  const answer = await vlm.ask(undefined, { source: await imageFile() });
  expect(answer).toMatchObject({ finish: "stop", tokenIds: [] });
  expect(vlm.text).toBe("");
});

test("stop before the first token keeps the previous caption", async () => {
  mounted = new Mounted({ captions: [["A", " cat"]] });
  const { vlm, fake } = mounted;
  await vlm.ask(undefined, { source: await imageFile() });
  fake.script = { ...fake.script, pace: 500 };
  const asked = vlm.ask(undefined, { source: await imageFile() });
  await vi.waitFor(() => expect(fake.asked).toHaveLength(2));
  vlm.stop();
  await expect(asked).rejects.toMatchObject({ code: "aborted" });
  expect(vlm.text).toBe("A cat");
  expect(mounted.detailsOf("caption")).toHaveLength(1);
});

test("another source clears the caption of the previous one", async () => {
  mounted = new Mounted({ captions: [["A", " cat"]] });
  const { vlm, fake } = mounted;
  vlm.source = "image";
  vlm.file = await imageFile();
  await vlm.start();
  expect(vlm.text).toBe("A cat");
  fake.script = { ...fake.script, pace: 500 };
  vlm.file = await imageFile();
  const started = vlm.start();
  expect(vlm.text).toBe("");
  vlm.stop();
  await expect(started).rejects.toMatchObject({ code: "aborted" });
});

test("a changed source clears the caption and the value also while stopped", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "image";
  vlm.file = await imageFile();
  await vlm.start();
  vlm.stop();
  expect(vlm.value).toBe(vlm.text);
  vlm.file = await imageFile();
  await vlm.updateComplete;
  expect([vlm.text, vlm.value]).toEqual(["", null]);
});

test("of several files the first one is used", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "image";
  const transfer = new DataTransfer();
  for (const color of ["red", "blue", "lime"]) {
    transfer.items.add(new File([await imageFile(color)], color));
  }
  vlm.file = transfer.files;
  await vlm.start();
  vlm.file = [...transfer.files];
  await vlm.start();
  const [list, array] = mounted.fake.asked.map(({ imageIds }) => imageIds);
  expect(list).toHaveLength(1);
  expect(array).toHaveLength(1);
  vlm.file = [5] as never;
  await expect(vlm.start()).rejects.toMatchObject({
    code: "bad-option",
    message: "file must be a File or Blob, not 5.",
  });
});

test("a start in progress is not started again", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  vlm.source = "image";
  vlm.file = await imageFile();
  const first = vlm.start();
  expect(vlm.start()).toBe(first);
  await first;
  expect(fake.asked).toHaveLength(1);
  await vlm.start();
  expect(fake.asked).toHaveLength(2);
});

test("load shows megabytes and percent", async () => {
  mounted = new Mounted({ pace: 60 });
  const { vlm } = mounted;
  const loading = vlm.load();
  await vi.waitFor(() =>
    expect(mounted.part("progress")?.textContent).toMatch(
      /\d+\.\d of 20\.0 MB · \d+ %/,
    ),
  );
  await loading;
  await vlm.updateComplete;
  expect(mounted.part("progress")).toBeNull();
});

test("ask loads the model and answers about an image file", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  let streamed = "";
  const answer = await vlm.ask("What is it?", {
    source: await imageFile(),
    onToken: (text) => (streamed += text),
  });
  expect(answer.text).toBe("A red circle on a white background.");
  expect(streamed).toBe(answer.text);
  expect(mounted.fake.calls.at(-1)).toBe("generate What is it?");
  expect(vlm.text).toBe(answer.text);
  expect(mounted.part("caption")?.textContent).toContain(answer.text);
});

test("the timings of a caption add up to the time to first token", async () => {
  mounted = new Mounted({ pace: 20 });
  const { vlm } = mounted;
  await vlm.load();
  await vlm.ask(undefined, { source: await imageFile() });
  const [detail] = mounted.detailsOf("caption");
  const { ttft = 0, wait = 0, paint = 0, firstToken } = detail?.timings ?? {};
  expect(ttft).toBeGreaterThan(firstToken ?? Infinity);
  expect(wait + (firstToken ?? 0) + paint).toBeCloseTo(ttft, 3);
  expect(detail?.age).toBeGreaterThan(ttft);
  expect(detail).toMatchObject({ size: 256, dropped: 0, finish: "stop" });
});

test.each([
  [{ size: 100 }, /^size must be .*, not 100\.$/],
  [{ size: 4096 }, /^size must be a multiple of 64 from 64 to 2048/],
  [{ maxTokens: 0 }, /^maxTokens must be .*, not 0\.$/],
  [{ maxTokens: 9999 }, /^maxTokens must be .* to 4096, not 9999\.$/],
  [{ gate: 2 }, /^gate must be .*, not 2\.$/],
  [{ sampling: { topP: 2 } }, /^topP must be .*, not 2\.$/],
])("refuses %o as bad-option", async (options, message) => {
  mounted = new Mounted();
  const { vlm } = mounted;
  await expect(
    vlm.ask(undefined, { source: await imageFile(), ...options }),
  ).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(message) as string,
  });
});

test.each([
  ["size", "big"],
  ["max-tokens", "many"],
])("refuses %s=%s as bad-option", async (name, value) => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.setAttribute(name, value);
  const asked = vlm.ask(undefined, { source: await imageFile() });
  await expect(asked).rejects.toMatchObject({ code: "bad-option" });
});

test("load rejects invalid attributes with bad-option", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.dtype = "fp64";
  await expect(vlm.load()).rejects.toMatchObject({ code: "bad-option" });
  vlm.dtype = "q4";
  vlm.model = "";
  await expect(vlm.load()).rejects.toMatchObject({ code: "bad-option" });
});

test("shows the error of a bad image, and then answers about a good one", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const text = new File(["hello"], "note.png");
  await expect(vlm.ask(undefined, { source: text })).rejects.toBeInstanceOf(
    VlmError,
  );
  await vlm.updateComplete;
  expect(vlm.state).toBe("failed");
  expect(mounted.detailsOf("error")[0]).toMatchObject({ code: "bad-image" });
  expect(mounted.part("error")?.textContent).toMatch(
    /note\.png.*Use another image/s,
  );
  await vlm.ask(undefined, { source: await imageFile() });
  await vlm.updateComplete;
  expect(vlm.state).toBe("ready");
  expect(mounted.part("error")).toBeNull();
});

test("does not interpret the model's text as HTML", async () => {
  const nasty = `<img src=x onerror="alert(1)"><b>bold</b>`;
  mounted = new Mounted({ captions: [[nasty]] });
  const { vlm } = mounted;
  await vlm.ask(undefined, { source: await imageFile() });
  await vlm.updateComplete;
  expect(mounted.part("text")?.textContent).toBe(nasty);
  expect(mounted.part("caption")?.querySelector("img, b")).toBeNull();
});

test("announces whole captions, not tokens", async () => {
  mounted = new Mounted({ pace: 20 });
  const { vlm } = mounted;
  const said = new Set<string>();
  const answer = vlm.ask(undefined, {
    source: await imageFile(),
    onToken: () => {
      const status = vlm.shadowRoot?.querySelector("[role=status]");
      said.add(status?.textContent ?? "");
    },
  });
  await answer;
  const status = vlm.shadowRoot?.querySelector("[role=status]");
  await vi.waitFor(() =>
    expect(status?.textContent).toBe("A red circle on a white background."),
  );
  for (const text of said) expect(text).not.toMatch(/^A red/);
  expect(
    mounted.part("caption")?.closest("[aria-live], [role=status]"),
  ).toBeNull();
});

test("an aborted ask rejects with aborted and keeps the text so far", async () => {
  mounted = new Mounted({ pace: 20 });
  const { vlm } = mounted;
  await vlm.load();
  const controller = new AbortController();
  const answer = vlm.ask(undefined, {
    source: await imageFile(),
    signal: controller.signal,
    onToken: () => controller.abort(),
  });
  await expect(answer).rejects.toMatchObject({ code: "aborted" });
  expect(vlm.text).toBe("A");
  expect(mounted.detailsOf("error")).toEqual([]);
});

test("loading=eager loads when connected", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.setAttribute("loading", "eager");
  await vi.waitFor(() => expect(vlm.state).toBe("ready"));
});

test("keeps its model when it is moved and releases it when it is removed", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  await vlm.load();
  const elsewhere = document.createElement("div");
  document.body.append(elsewhere);
  elsewhere.append(vlm);
  await Promise.resolve();
  expect(vlm.info).toBeDefined();
  elsewhere.remove();
  await vi.waitFor(() => expect(vlm.info).toBeUndefined());
  expect(vlm.state).toBe("idle");
});

test("a second definition does not replace the first one", async () => {
  const first = customElements.get("fast-vlm");
  await import(
    /* @vite-ignore */ new URL("./define.ts?again", import.meta.url).href
  );
  expect(customElements.get("fast-vlm")).toBe(first);
});
