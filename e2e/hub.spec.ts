import { errorOf, load, valueOf } from "./support/element.ts";
import {
  answers,
  arrived,
  choose,
  decoder,
  id,
  inspect,
  openHub,
  progressOf,
  removeStored,
  runtimeBytes,
  sent,
  stored,
  test,
  weights,
} from "./support/hub.ts";
import { expect } from "./support/test.ts";

test("loads a model by hub id, with correct progress", async ({
  page,
  hub,
  watch,
}) => {
  await openHub(page, hub);
  const report = await inspect(page);
  expect(report.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(report.license?.id).toBe("mit");
  expect(sent(hub)).toBeLessThan(weights / 10);

  // The rate of a download is reported only after a while.
  hub.faults.add({ kind: "slow", value: 3_000_000 });
  const info = valueOf(await load(page));
  expect(info).toMatchObject({ commit: report.commit, bytes: weights });
  await answers(page);

  const progress = await progressOf(page);
  const loading = progress.filter(({ phase }) => phase === "loading");
  const total = loading.at(-1)?.total ?? 0;
  expect(total).toBe((report.chosen?.bytes ?? NaN) + runtimeBytes);
  expect(loading.at(-1)?.loaded).toBe(total);
  for (const [index, { loaded, total: of }] of loading.entries()) {
    expect(loaded).toBeGreaterThanOrEqual(loading[index - 1]?.loaded ?? 0);
    if (of > 0) expect(loaded).toBeLessThanOrEqual(of);
  }
  expect(loading.some(({ rate }) => rate > 0)).toBe(true);
  expect([...new Set(progress.map(({ phase }) => phase))]).toEqual([
    ...["loading", "preparing", "warming"],
  ]);
  const opening = progress.filter(({ phase }) => phase === "preparing");
  const done = opening.map(({ done }) => done);
  expect(done).toEqual([0, 1, 2].filter((step) => done.includes(step)));
  expect(opening[0]).toMatchObject({ done: 0, steps: 3 });

  // Only files of the model were requested.
  for (const { method } of hub.requests) expect(method).toMatch(/^(GET|HEAD)$/);
  const origins = watch.foreign.map((url) => new URL(url).origin);
  expect(new Set(origins)).toEqual(new Set([hub.url, hub.cdnUrl]));
  expect(watch.errors).toEqual([]);
});

test("loads a stored model without downloading weights", async ({
  page,
  hub,
}) => {
  await openHub(page, hub);
  valueOf(await load(page));
  expect(sent(hub)).toBe(weights);
  hub.requests.length = 0;
  await openHub(page, hub);
  expect((await inspect(page)).chosen?.missing).toBe(0);
  valueOf(await load(page));
  await answers(page);
  expect(sent(hub)).toBe(0);
});

test("waits while the hub limits requests, and shows the time left", async ({
  page,
  hub,
}) => {
  hub.faults.add({ kind: "busy", value: 300, file: "config.json", times: 1 });
  hub.faults.add({ kind: "busy", value: 300, file: decoder, times: 1 });
  await openHub(page, hub);
  const loading = load(page);
  await expect(page.locator("#download-text")).toHaveText(
    /The server is limiting downloads. Retrying in [12] s/,
  );
  valueOf(await loading);
  await answers(page);
  const waits = (await progressOf(page)).flatMap(
    ({ retryIn }) => retryIn ?? [],
  );
  expect(waits).toEqual(expect.arrayContaining([2, 1]));
  expect(sent(hub)).toBe(weights);
});

test("a wait for the hub can be cancelled", async ({ page, hub }) => {
  hub.faults.add({ kind: "busy", value: 300, file: "onnx/*" });
  await openHub(page, hub);
  const loading = load(page);
  await page.waitForFunction(() =>
    window.progress.some(({ retryIn }) => retryIn !== undefined),
  );
  await page.evaluate(() => document.querySelector("fast-vlm")?.cancelLoad());
  expect(errorOf(await loading).code).toBe("aborted");
});

test("an aborted inspection asks the hub for nothing more", async ({
  page,
  hub,
}) => {
  hub.faults.add({ kind: "busy", value: 300 });
  await openHub(page, hub);
  const code = await page.evaluate(async () => {
    const vlm = document.querySelector("fast-vlm");
    if (!vlm) throw new Error("no <fast-vlm>");
    const controller = new AbortController();
    vlm.addEventListener("modelprogress", ({ detail }) => {
      if (detail.retryIn !== undefined) controller.abort();
    });
    try {
      await vlm.inspect({ signal: controller.signal });
    } catch (thrown) {
      return (thrown as { code?: string }).code;
    }
    return "no error";
  });
  expect(code).toBe("aborted");

  hub.faults.clear();
  hub.requests.length = 0;
  // Waits as long as the aborted inspection would have.
  await inspect(page);
  const asked = hub.requests.map(
    ({ method, path, range }) => `${method} ${path} ${range ?? ""}`,
  );
  expect(asked).toEqual([...new Set(asked)]);
});

test("resumes the download of a closed tab", async ({ page, context, hub }) => {
  hub.faults.add({ kind: "slow", value: 1_500_000 });
  await openHub(page, hub);
  const pulled = Math.round(weights * (0.5 + 0.3 * Math.random()));
  void load(page).catch(() => undefined);
  await arrived(page, pulled);
  await page.close();

  hub.faults.clear();
  hub.requests.length = 0;
  const next = await context.newPage();
  await openHub(next, hub);
  const missing = (await inspect(next)).chosen?.missing ?? weights;
  // Bytes of the last seconds, which were not yet on disk, are downloaded again.
  expect(missing).toBeLessThan(weights - 1_000_000);
  hub.requests.length = 0;
  valueOf(await load(next));
  await answers(next);
  expect(sent(hub), `stopped at ${pulled}`).toBeLessThanOrEqual(missing);
  expect(sent(hub)).toBeGreaterThan(0);
});

test("resumes a cancelled download", async ({ page, hub }) => {
  hub.faults.add({ kind: "slow", value: 1_500_000 });
  await openHub(page, hub);
  const loading = load(page);
  await arrived(page, weights / 3);
  await page.evaluate(() => document.querySelector("fast-vlm")?.cancelLoad());
  expect(errorOf(await loading).code).toBe("aborted");
  hub.faults.clear();
  const missing = (await inspect(page)).chosen?.missing ?? 0;
  // The total includes the tokenizer files and the runtime.
  const { total = 0 } = (await progressOf(page)).at(-1) ?? {};
  expect(missing).toBeLessThanOrEqual(total - runtimeBytes - weights / 3);
  hub.requests.length = 0;
  valueOf(await load(page));
  expect(sent(hub)).toBeLessThanOrEqual(missing);
  await answers(page);
});

test("reports models that the hub lacks", async ({ page, hub }) => {
  for (const [name, code] of [
    ["fast-vlm/none", /^model-file-missing$/],
    [`${id}@none`, /^model-file-missing$/],
  ] as const) {
    await openHub(page, hub, { model: name });
    const error = errorOf(await load(page));
    expect(error.code).toMatch(code);
    expect(error.message).toContain(name.split("@")[0]);
  }
});

test("without the hub, loads a stored model and rejects others", async ({
  page,
  hub,
}) => {
  await openHub(page, hub);
  valueOf(await load(page));
  await hub.close();
  await openHub(page, hub);
  valueOf(await load(page));
  await answers(page);
  await choose(page, "fast-vlm/other");
  expect(errorOf(await load(page)).code).toBe("offline");
  await answers(page);
});

test("loads a stored model offline", async ({ page, context, hub }) => {
  await openHub(page, hub);
  valueOf(await load(page));
  await choose(page, "nano");
  valueOf(await load(page));
  await context.setOffline(true);
  await choose(page, id);
  expect(valueOf(await load(page)).commit).toBeDefined();
  await answers(page);
  await context.setOffline(false);
});

test("the page starts offline with its model", async ({
  page,
  context,
  hub,
}) => {
  await openHub(page, hub, { loading: "" });
  valueOf(await load(page));
  // The service worker caches the page after a model has loaded, the runtime last.
  await expect
    .poll(() =>
      page.evaluate(async () => {
        const names = await caches.keys();
        const runtime = names.find((name) => name.includes("runtime"));
        if (runtime === undefined) return 0;
        return (await (await caches.open(runtime)).keys()).length;
      }),
    )
    .toBeGreaterThan(0);
  await context.setOffline(true);
  await openHub(page, hub, { loading: "" });
  valueOf(await load(page));
  await answers(page);
  await context.setOffline(false);
});

test("resumes a download when the network returns", async ({
  page,
  context,
  hub,
}) => {
  hub.faults.add({ kind: "slow", value: 2_000_000 });
  await openHub(page, hub);
  const loading = load(page);
  await arrived(page, weights / 4);
  await context.setOffline(true);
  await page.waitForTimeout(1000);
  await context.setOffline(false);
  valueOf(await loading);
  await answers(page);
});

test("two tabs download a model once", async ({ page, context, hub }) => {
  hub.faults.add({ kind: "slow", value: 3_000_000 });
  const other = await context.newPage();
  await openHub(page, hub);
  await openHub(other, hub);
  const outcomes = await Promise.all([load(page), load(other)]);
  for (const outcome of outcomes) valueOf(outcome);
  expect(sent(hub)).toBe(weights);
  const waited = [await progressOf(page), await progressOf(other)].map((all) =>
    all.some(({ elsewhere }) => elsewhere),
  );
  expect(waited.sort()).toEqual([false, true]);
  await answers(page);
  await answers(other);
});

test("lists stored models with sizes, and deletes them one by one", async ({
  page,
  hub,
}) => {
  await openHub(page, hub);
  expect(await stored(page)).toEqual([]);
  valueOf(await load(page));
  const [kept, ...others] = await stored(page);
  expect(others).toEqual([]);
  expect(kept?.source).toMatchObject({ kind: "hub", id });
  expect(kept?.bytes).toBeGreaterThanOrEqual(weights);
  const whole = kept?.files.filter(({ bytes, kept }) => bytes === kept) ?? [];
  expect(whole.map(({ path }) => path)).toEqual(
    expect.arrayContaining(["config.json", "tokenizer.json", decoder]),
  );
  // Identical files are stored once.
  const ofGraphs = whole.filter(({ path }) => path.startsWith("onnx/"));
  expect(ofGraphs.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(weights);

  valueOf(await removeStored(page, kept?.key ?? ""));
  expect(await stored(page)).toEqual([]);
  // It can still be used.
  await answers(page);
  await openHub(page, hub);
  hub.requests.length = 0;
  valueOf(await load(page));
  expect(sent(hub)).toBe(weights);
});
