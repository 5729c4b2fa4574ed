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
  sent,
  stored,
  test,
  weights,
} from "./support/hub.ts";
import { expect } from "./support/test.ts";

test("a model of a hub is loaded by its id, with honest progress", async ({
  page,
  hub,
  watch,
}) => {
  await openHub(page, hub);
  const report = await inspect(page);
  expect(report.commit).toMatch(/^[0-9a-f]{40}$/);
  expect(report.license?.id).toBe("mit");
  expect(sent(hub)).toBeLessThan(weights / 10);

  const info = valueOf(await load(page));
  expect(info).toMatchObject({ commit: report.commit, bytes: weights });
  await answers(page);

  const progress = await progressOf(page);
  const loading = progress.filter(({ phase }) => phase === "loading");
  const total = loading.at(-1)?.total ?? 0;
  expect(total).toBe(report.chosen?.bytes);
  expect(loading.at(-1)?.loaded).toBe(total);
  for (const [index, { loaded, total: of }] of loading.entries()) {
    expect(loaded).toBeGreaterThanOrEqual(loading[index - 1]?.loaded ?? 0);
    if (of > 0) expect(loaded).toBeLessThanOrEqual(of);
  }
  expect(loading.some(({ rate }) => rate > 0)).toBe(true);
  expect([...new Set(progress.map(({ phase }) => phase))]).toEqual([
    ...["loading", "preparing", "warming"],
  ]);

  // Nothing but questions for files of the model went out.
  for (const { method } of hub.requests) expect(method).toMatch(/^(GET|HEAD)$/);
  expect(watch.foreign.every((url) => url.startsWith(hub.url))).toBe(true);
  expect(watch.errors).toEqual([]);
});

test("what was loaded starts again without a byte of weights", async ({
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

test("a closed tab's download goes on where it was", async ({
  page,
  context,
  hub,
}) => {
  hub.faults.add({ kind: "slow", value: 1_500_000 });
  await openHub(page, hub);
  const pulled = Math.round(weights * (0.3 + 0.5 * Math.random()));
  void load(page).catch(() => undefined);
  await arrived(page, pulled);
  await page.close();

  hub.faults.clear();
  hub.requests.length = 0;
  const next = await context.newPage();
  await openHub(next, hub);
  const missing = (await inspect(next)).chosen?.missing ?? weights;
  // What a tab had in hand when it was closed is not on disk yet.
  const unwritten = 3_000_000;
  expect(missing).toBeLessThan(weights - pulled + unwritten);
  hub.requests.length = 0;
  valueOf(await load(next));
  await answers(next);
  expect(sent(hub), `stopped at ${pulled}`).toBeLessThanOrEqual(missing);
  expect(sent(hub)).toBeGreaterThan(0);
});

test("a stopped download goes on where it was", async ({ page, hub }) => {
  hub.faults.add({ kind: "slow", value: 1_500_000 });
  await openHub(page, hub);
  const loading = load(page);
  await arrived(page, weights / 3);
  await page.evaluate(() => document.querySelector("fast-vlm")?.cancelLoad());
  expect(errorOf(await loading).code).toBe("aborted");
  hub.faults.clear();
  const missing = (await inspect(page)).chosen?.missing ?? 0;
  // Of all that comes, of which the tokenizer's files are no weights.
  const { total = 0 } = (await progressOf(page)).at(-1) ?? {};
  expect(missing).toBeLessThanOrEqual(total - weights / 3);
  hub.requests.length = 0;
  valueOf(await load(page));
  expect(sent(hub)).toBeLessThanOrEqual(missing);
  await answers(page);
});

test("what a hub does not have is said", async ({ page, hub }) => {
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

test("with the hub gone a loaded model starts, another one does not", async ({
  page,
  hub,
}) => {
  test.setTimeout(300_000);
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

test("with the network off a model that was loaded is loaded again", async ({
  page,
  context,
  hub,
}) => {
  test.setTimeout(300_000);
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

test("with the network off the page starts with its model", async ({
  page,
  context,
  hub,
}) => {
  test.setTimeout(300_000);
  await openHub(page, hub, { loading: "" });
  valueOf(await load(page));
  // The page is kept once a model runs, and last of it the runtime.
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

test("a network that comes back is gone on with", async ({
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
  test.setTimeout(300_000);
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

test("what is kept is listed with its size, and deleted alone", async ({
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
  // Files that are the same byte for byte are kept once, under either name.
  const ofGraphs = whole.filter(({ path }) => path.startsWith("onnx/"));
  expect(ofGraphs.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(weights);

  valueOf(await removeStored(page, kept?.key ?? ""));
  expect(await stored(page)).toEqual([]);
  // It is in use all the same.
  await answers(page);
  await openHub(page, hub);
  hub.requests.length = 0;
  valueOf(await load(page));
  expect(sent(hub)).toBe(weights);
});
