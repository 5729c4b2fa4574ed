import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createFastVlm } from "./create-fast-vlm";
import { acceptLicense } from "../models/license";
import type { DownloadMonitor } from "./download-monitor";
import { VlmError } from "../shared/errors";
import type { ModelReport } from "../shared/models";
import { loadOf } from "../testing/requests";
import { fakeReport } from "../testing/fake-report";
import { imageFile } from "../testing/images";
import { fastVlm } from "../testing/sessions";

beforeEach(() => localStorage.clear());
afterEach(() => localStorage.clear());

const nano = { model: "nano" };

/** A report of which so many bytes are missing. */
function missing(bytes: number): Partial<ModelReport> {
  const { chosen } = fakeReport(loadOf());
  if (!chosen) throw new Error("no choice");
  return { chosen: { ...chosen, missing: bytes } };
}

test("starts no worker by itself or when it is disposed", async () => {
  const { vlm, workers } = fastVlm();
  await vlm.dispose();
  expect(workers.workers).toEqual([]);
});

describe("availability", () => {
  test.each<[string, Parameters<typeof fastVlm>[0]]>([
    ["downloadable", { report: missing(5) }],
    ["available", { report: missing(0) }],
    [
      "unavailable",
      { report: { ...missing(0), unsupportedReason: "No WebGPU." } },
    ],
    [
      "unavailable",
      { inspectError: new VlmError("offline", "No network.", "Connect.") },
    ],
    [
      "unavailable",
      { inspectError: new VlmError("model-file-missing", "None.", "Look.") },
    ],
  ])("is %s", async (expected, script) => {
    const { vlm, workers } = fastVlm(script);
    expect(await vlm.availability(nano)).toBe(expected);
    expect(workers.calls("load")).toEqual([]);
  });

  test("is unavailable, without a worker, if nobody publishes the model", async () => {
    const { vlm, workers } = fastVlm();
    const model = "fastvlm-7b";
    expect(await vlm.availability({ model })).toBe("unavailable");
    expect(workers.workers).toEqual([]);
  });

  test("is downloading during a load and available afterwards", async () => {
    const { vlm } = fastVlm({ pace: 20, report: missing(5) });
    const creating = vlm.create(nano);
    await vi.waitFor(async () =>
      expect(await vlm.availability(nano)).toBe("downloading"),
    );
    await creating;
    expect(await vlm.availability(nano)).toBe("available");
    expect(await vlm.availability({ model: "a/b" })).toBe("downloadable");
  });

  test("is at most downloadable before consent to the licence", async () => {
    const { vlm } = fastVlm({ report: missing(0) });
    const model = "fastvlm-0.5b";
    expect(await vlm.availability({ model })).toBe("downloadable");
    acceptLicense("apple-amlr");
    expect(await vlm.availability({ model })).toBe("available");
  });

  test("rejects invalid options and reports unexpected errors", async () => {
    const { vlm } = fastVlm();
    for (const wrong of [{}, { model: "?" }, { ...nano, dtype: "fp64" }]) {
      await expect(vlm.availability(wrong)).rejects.toMatchObject({
        code: "bad-option",
      });
    }
    const inspectError = new VlmError("internal", "A bug.", "Report it.");
    const broken = fastVlm({ inspectError }).vlm;
    await expect(broken.availability(nano)).rejects.toMatchObject({
      code: "internal",
    });
  });

  test("can be aborted", async () => {
    const { vlm } = fastVlm({ pace: 500 });
    const controller = new AbortController();
    const { signal } = controller;
    const asked = vlm.availability({ ...nano, signal });
    setTimeout(() => controller.abort(), 50);
    await expect(asked).rejects.toMatchObject({ code: "aborted" });
  });

  test("leaves no worker behind when the last session is disposed", async () => {
    const { vlm, workers } = fastVlm();
    await vlm.availability(nano);
    const session = await vlm.create(nano);
    expect(workers.workers).toHaveLength(1);
    session.dispose();
    expect(workers.ended).toBe(1);
  });
});

describe("the monitor", () => {
  test("gets events from 0 to 1, in ascending order", async () => {
    const { vlm } = fastVlm();
    const told: ProgressEvent[] = [];
    await vlm.create({
      ...nano,
      monitor: (monitor) => {
        monitor.addEventListener("downloadprogress", (event) => {
          told.push(event);
        });
      },
    });
    const parts = told.map(({ loaded }) => loaded);
    expect(parts[0]).toBe(0);
    expect(parts.at(-1)).toBe(1);
    expect(parts.length).toBeGreaterThan(5);
    expect(parts).toEqual([...new Set(parts)].sort((a, b) => a - b));
    expect(told[1]).toBeInstanceOf(ProgressEvent);
    expect(told.every(({ total }) => total === 1)).toBe(true);
    for (const part of parts)
      expect(Number.isInteger(part * 65_536)).toBe(true);
  });

  test("gets the phases of the load", async () => {
    const { vlm } = fastVlm();
    const phases: string[] = [];
    await vlm.create({
      ...nano,
      monitor: (monitor) =>
        monitor.addEventListener("modelprogress", ({ detail }) =>
          phases.push(detail.phase),
        ),
    });
    expect([...new Set(phases)]).toEqual(["loading", "preparing", "warming"]);
  });

  test("also calls its property ondownloadprogress", async () => {
    const { vlm } = fastVlm();
    const loaded: number[] = [];
    const monitor = (download: DownloadMonitor): void => {
      download.ondownloadprogress = () => loaded.push(NaN);
      download.ondownloadprogress = (event) => loaded.push(event.loaded);
    };
    await vlm.create({ ...nano, monitor });
    expect([loaded.at(0), loaded.at(-1)]).toEqual([0, 1]);
    expect(loaded).not.toContain(NaN);
  });

  test("gets 0 and 1 for a model that is loaded already", async () => {
    const { vlm } = fastVlm();
    await vlm.create(nano);
    const parts: number[] = [];
    await vlm.create({
      ...nano,
      monitor: (monitor) =>
        monitor.addEventListener("downloadprogress", ({ loaded }) =>
          parts.push(loaded),
        ),
    });
    expect(parts).toEqual([0, 1]);
  });

  test("that throws rejects create before anything is loaded", async () => {
    const { vlm, workers } = fastVlm();
    const mine = new Error("mine");
    const created = vlm.create({
      ...nano,
      monitor: () => {
        throw mine;
      },
    });
    await expect(created).rejects.toBe(mine);
    expect(workers.workers).toEqual([]);
  });
});

describe("create", () => {
  test("needs consent if the licence does", async () => {
    const { vlm, workers } = fastVlm();
    const model = "fastvlm-0.5b";
    await expect(vlm.create({ model })).rejects.toMatchObject({
      code: "license-needed",
    });
    expect(workers.calls("load")).toEqual([]);
    acceptLicense("apple-amlr");
    const session = await vlm.create({ model });
    expect(session.info.name).toBe("fake");
  });

  test("uses the option size for its requests", async () => {
    const { vlm, workers } = fastVlm();
    const session = await vlm.create({ ...nano, size: 128 });
    await session.describe(await imageFile()).done();
    expect(workers.fakes[0]?.asked[0]?.size).toBe(128);
    await expect(vlm.create({ ...nano, size: 100 })).rejects.toMatchObject({
      code: "bad-option",
    });
  });

  test("is aborted by its signal, which does not affect a created session", async () => {
    const { vlm, workers } = fastVlm({ pace: 20 });
    const controller = new AbortController();
    const { signal } = controller;
    const created = vlm.create({ ...nano, signal });
    setTimeout(() => controller.abort(), 60);
    await expect(created).rejects.toMatchObject({ code: "aborted" });
    expect(workers.ended).toBe(workers.workers.length);

    const later = new AbortController();
    const session = await vlm.create({ ...nano, signal: later.signal });
    later.abort();
    const answer = await session.describe(await imageFile()).done();
    expect(answer.finish).toBe("stop");
  });

  test("leaves no worker when it fails, and can be called again", async () => {
    const loadError = new VlmError("offline", "No network.", "Connect.");
    const { vlm, workers } = fastVlm({ loadError });
    await expect(vlm.create(nano)).rejects.toMatchObject({ code: "offline" });
    expect(workers.ended).toBe(1);
    workers.script = {};
    expect((await vlm.create(nano)).info.name).toBe("fake");
  });

  test("uses modelBase and hub", async () => {
    const { workers } = fastVlm();
    const vlm = createFastVlm({
      ...{ worker: workers.start, hub: "https://hub.test" },
      modelBase: "https://static.test/assets",
    });
    const one = await vlm.create(nano);
    const two = await vlm.create({ model: "a/b@v1" });
    expect(workers.calls("load")).toEqual([
      "load https://static.test/assets/models/nano/ auto",
      "load a/b@v1 on hub.test auto",
    ]);
    one.dispose();
    two.dispose();
    await vlm.dispose();
  });

  test("shares a worker between instances with the same worker option", async () => {
    const { vlm, workers } = fastVlm();
    const other = createFastVlm({ worker: workers.start });
    await Promise.all([vlm.create(nano), other.create(nano)]);
    expect(workers.workers).toHaveLength(1);
    await other.dispose();
    expect(workers.ended).toBe(0);
  });

  test("rejects after dispose, which also ends a load", async () => {
    const { vlm, workers } = fastVlm({ pace: 20 });
    const created = vlm.create(nano);
    created.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("load")).toHaveLength(1));
    await vlm[Symbol.asyncDispose]();
    await expect(created).rejects.toMatchObject({ code: "aborted" });
    await expect(vlm.create(nano)).rejects.toMatchObject({ code: "aborted" });
    await expect(vlm.availability(nano)).rejects.toMatchObject({
      code: "aborted",
    });
    expect(workers.ended).toBe(1);
  });
});
