import { beforeEach, describe, expect, test, vi } from "vitest";
import { noProgress } from "../shared/protocol";
import { VlmError } from "../shared/errors";
import type { License } from "../shared/models";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";

let mounted: Mounted;
beforeEach(() => localStorage.clear());

const other = (name: string): string => `${location.origin}/models/${name}/`;

const loads = (): string[] =>
  mounted.fake.calls.filter((call) => call.startsWith("load"));

describe("a licence that needs consent", () => {
  const apple: License = {
    id: "apple-amlr",
    name: "Apple",
    url: "https://a.b",
  };
  const refusal = {
    code: "license-needed",
    advice: expect.stringMatching(/acceptLicense\("apple-amlr"\)/) as string,
  };

  test.each([
    "fastvlm-0.5b",
    "apple/FastVLM-7B",
    "onnx-community/FastVLM-0.5B-ONNX@main",
    "https://huggingface.co/apple/FastVLM-1.5B",
  ])("%s needs consent before any request", async (model) => {
    mounted = new Mounted();
    const { vlm, fake } = mounted;
    vlm.model = model;
    await expect(vlm.load()).rejects.toMatchObject(refusal);
    expect(fake.calls).toEqual([]);
    vlm.acceptLicense("apple-amlr");
    await vlm.load();
    expect(loads()).toHaveLength(1);
  });

  test.each([
    ["a mirror", { model: "https://mirror.test/a/" }],
    ["another's hub id", { model: "somebody/else" }],
    [
      "a folder",
      { folder: [{ path: "m/config.json", file: new Blob(["{}"]) }] },
    ],
  ])("%s whose model card names it needs consent, too", async (_, given) => {
    mounted = new Mounted({ report: { license: apple } });
    const { vlm } = mounted;
    Object.assign(vlm, given);
    await expect(vlm.load()).rejects.toMatchObject(refusal);
    expect(loads()).toEqual([]);
    vlm.acceptLicense("apple-amlr");
    await vlm.load();
    expect(loads()).toHaveLength(1);
  });

  test("consent is stored for the next visit", () => {
    mounted = new Mounted();
    mounted.vlm.acceptLicense("apple-amlr");
    expect(localStorage.getItem("fast-vlm:licenses")).toBe('["apple-amlr"]');
    localStorage.setItem("fast-vlm:licenses", '["others"]');
    mounted.vlm.acceptLicense("apple-amlr");
    expect(localStorage.getItem("fast-vlm:licenses")).toBe(
      '["others","apple-amlr"]',
    );
  });

  test("other licences and the bundled model need no consent", async () => {
    const mit: License = { id: "mit", name: "MIT" };
    mounted = new Mounted({ report: { license: mit } });
    const { vlm, fake } = mounted;
    vlm.model = "somebody/else";
    await vlm.load();
    vlm.model = "nano";
    await vlm.load();
    expect(fake.calls).toEqual([
      "inspect somebody/else on huggingface.co",
      "load somebody/else on huggingface.co auto",
      `load ${location.origin}/models/nano/ auto`,
    ]);
  });

  test("the report names the licence if the model card does not", async () => {
    mounted = new Mounted();
    const report = await mounted.vlm.inspect({ model: "fastvlm-0.5b" });
    expect(report.license?.id).toBe("apple-amlr");
    expect(loads()).toEqual([]);
  });
});

describe("another model", () => {
  test("that fails to load leaves the current one in use", async () => {
    mounted = new Mounted({ info: { name: "first" } });
    const { vlm, fake } = mounted;
    await vlm.load();
    const loadError = new VlmError("model-corrupt", "Cut.", "Fetch it again.");
    fake.script = { ...fake.script, loadError };
    vlm.model = other("second");
    await expect(vlm.load()).rejects.toMatchObject({ code: "model-corrupt" });
    expect(vlm.state).toBe("failed");
    expect(vlm.info?.name).toBe("first");
    expect(vlm.progress).toBeUndefined();

    const { length } = loads();
    expect(
      (await vlm.ask(undefined, { source: await imageFile() })).finish,
    ).toBe("stop");
    expect(loads()).toHaveLength(length);
    expect(vlm.state).toBe("ready");

    // The next call of `load` tries again.
    fake.script = { ...fake.script, info: { name: "second" } };
    Reflect.deleteProperty(fake.script, "loadError");
    expect((await vlm.load()).name).toBe("second");
  });

  test("ends the load of the previous one", async () => {
    mounted = new Mounted({ pace: 20 });
    const { vlm, fake } = mounted;
    vlm.model = "somebody/else";
    const first = vlm.load();
    first.catch(() => undefined);
    await vi.waitFor(() => expect(loads()).toHaveLength(1));
    vlm.model = "nano";
    const second = vlm.load();
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    await second;
    expect(loads().at(-1)).toMatch(/nano/);
    expect(fake.calls).toContain("abortLoad");
    expect(vlm.state).toBe("ready");
    expect(mounted.detailsOf("error")).toEqual([]);
  });

  test("is cancelled when the current one is chosen again", async () => {
    mounted = new Mounted();
    const { vlm, fake } = mounted;
    vlm.model = "nano";
    await vlm.load();
    fake.script = { ...fake.script, pace: 20 };
    vlm.model = "somebody/else";
    const leaving = vlm.load();
    leaving.catch(() => undefined);
    await vi.waitFor(() => expect(vlm.progress?.total).toBeGreaterThan(0));
    vlm.model = "nano";
    await vlm.load();
    await expect(leaving).rejects.toMatchObject({ code: "aborted" });
    expect(loads()).toHaveLength(2);
    expect(vlm.progress).toBeUndefined();
    expect(vlm.state).toBe("ready");
  });

  test("a folder is loaded instead of the model until it is unset", async () => {
    mounted = new Mounted();
    const { vlm } = mounted;
    vlm.folder = [{ path: "mine/config.json", file: new Blob(["{}"]) }];
    await vlm.load();
    vlm.folder = undefined;
    vlm.model = "nano";
    await vlm.load();
    expect(loads()).toEqual([
      "load mine auto",
      `load ${location.origin}/models/nano/ auto`,
    ]);
  });
});

describe("progress", () => {
  test("shows the rate, and a load can be cancelled", async () => {
    mounted = new Mounted({ pace: 30 });
    const { vlm } = mounted;
    vlm.model = "nano";
    const loading = vlm.load();
    await vi.waitFor(() =>
      expect(mounted.part("progress")?.textContent).toMatch(
        /\d+\.\d of 20\.0 MB · \d+ % · 4\.0 MB\/s · \d s left/,
      ),
    );
    mounted.part("cancel")?.click();
    await expect(loading).rejects.toMatchObject({ code: "aborted" });
    await vlm.updateComplete;
    expect(mounted.part("progress")).toBeNull();
    expect(mounted.detailsOf("error")).toEqual([]);
    expect(vlm.state).toBe("idle");
    await vlm.load();
    expect(vlm.state).toBe("ready");
  });

  test("has all phases; the state is loading while preparing", async () => {
    mounted = new Mounted({ pace: 5 });
    const { vlm } = mounted;
    vlm.model = "nano";
    await vlm.load();
    const phases = mounted.detailsOf("modelprogress").map(({ phase }) => phase);
    expect([...new Set(phases)]).toEqual(["loading", "preparing", "warming"]);
    const states = mounted.detailsOf("statechange").map(({ state }) => state);
    expect(states).toEqual(["loading", "warming", "ready"]);
  });

  test.each([
    ["another tab's download", { elsewhere: true }, /Another tab/],
    ["the rate limit", { retryIn: 31 }, /Retrying in 31 s/],
  ])("shows %s", async (_, change, text) => {
    mounted = new Mounted();
    const { vlm, fake } = mounted;
    let finish = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (finish = resolve));
    const load = fake.load.bind(fake);
    fake.load = async (options) => {
      fake.send({ ...noProgress, loaded: 5e6, total: 2e7, ...change });
      await arrived;
      return load(options);
    };
    vlm.model = "nano";
    const loading = vlm.load();
    await vi.waitFor(() =>
      expect(mounted.part("progress")?.textContent).toMatch(text),
    );
    expect(mounted.part("progress")?.textContent).toMatch(/5\.0 of 20\.0 MB/);
    finish();
    await loading;
  });
});

test("lists stored models and deletes one by its key", async () => {
  const model = {
    key: "k1",
    name: "somebody/else",
    source: { kind: "url", url: "http://a.b/" },
    bytes: 12,
    files: [],
  } as const;
  mounted = new Mounted({ stored: [model, { ...model, key: "k2" }] });
  const { vlm } = mounted;
  await vlm.removeStored("k1");
  expect((await vlm.stored()).map(({ key }) => key)).toEqual(["k2"]);
});

test("inspect can be aborted", async () => {
  mounted = new Mounted({ pace: 500 });
  const controller = new AbortController();
  const { signal } = controller;
  const report = mounted.vlm.inspect({ model: "somebody/else", signal });
  controller.abort();
  await expect(report).rejects.toMatchObject({ code: "aborted" });
});
