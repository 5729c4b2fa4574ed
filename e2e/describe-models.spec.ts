import { expect, test as base } from "@playwright/test";
import type { ModelReport, StoredModel } from "../src/shared/models.ts";
import { startHub } from "../tools/cli/hub/server.mjs";
import { describe, prepare, start } from "./support/describe.ts";
import { id, sent, weights, type Hub } from "./support/hub.ts";
import { model } from "./support/paths.ts";
import { scenes } from "./support/scenes.ts";

/** A model id with a licence that requires consent. */
const licensed = "onnx-community/FastVLM-0.5B-ONNX";
const caption = scenes[0]?.caption;

const test = base.extend<{ readonly hub: Hub }>({
  // Playwright reads the names of what a fixture uses from this pattern.
  // eslint-disable-next-line no-empty-pattern
  hub: async ({}, use) => {
    const hub = await startHub({ models: { [id]: model, [licensed]: model } });
    await use(hub);
    await hub.close();
  },
});

// Each test starts without stored models.
test.beforeEach(prepare);

interface Row {
  readonly model: string;
  readonly report?: ModelReport;
  readonly error?: { readonly code: string; readonly message: string };
  readonly stored?: StoredModel;
}

const rowsOf = (out: readonly string[]): Row[] =>
  out.map((line) => JSON.parse(line) as Row);

test("asks for consent once, before downloading weights", async ({ hub }) => {
  const args = ["0.png", "--model", "fastvlm-0.5b", "--hub", hub.url];
  const without = await describe(...args);
  expect(without.code).toBe(1);
  expect(without.err).toEqual([
    expect.stringMatching(/^describe: license-needed: .*https:.*--consent/),
  ]);
  expect(sent(hub)).toBe(0);

  const agreed = await describe(...args, "--consent");
  expect(agreed.out).toEqual([caption]);
  expect(sent(hub)).toBe(weights);

  const next = await describe(...args);
  expect(next).toEqual({ code: 0, out: [caption], err: [] });
  expect(sent(hub)).toBe(weights);
});

test("a download shows progress, and resumes after an interruption", async ({
  hub,
}) => {
  hub.faults.add({ kind: "slow", value: 1_000_000 });
  const args = ["0.png", "--model", id, "--hub", hub.url];
  const { child, ended } = start(...args);
  await expect.poll(() => sent(hub)).toBeGreaterThan(weights / 2);
  child.kill("SIGINT");
  const stopped = await ended;
  expect(stopped.code).toBe(130);
  expect(stopped.err.length).toBeGreaterThan(0);
  for (const line of stopped.err) {
    expect(line).toMatch(
      /^fast-vlm\/nano: [\d.]+ of [\d.]+ MB · \d+ % · [\d.]+ \wB\/s/,
    );
  }

  hub.faults.clear();
  hub.requests.length = 0;
  const { code, out } = await describe(...args);
  expect(code).toBe(0);
  expect(out).toEqual([caption]);
  // Bytes of the last seconds, which were not yet on disk, are downloaded again.
  expect(sent(hub)).toBeLessThan(weights - 1_000_000);
  expect(sent(hub)).toBeGreaterThan(0);
});

test("a second run waits for the first, and uses its download", async ({
  hub,
}) => {
  hub.faults.add({ kind: "slow", value: 2_000_000 });
  const args = ["0.png", "--model", id, "--hub", hub.url];
  const first = start(...args);
  await expect.poll(() => sent(hub)).toBeGreaterThan(0);
  const second = await describe(...args);
  expect(second.err).toEqual([expect.stringMatching(/^Waiting for another/)]);
  expect(second.out).toEqual([caption]);
  expect((await first.ended).out).toEqual([caption]);
  expect(sent(hub)).toBe(weights);
});

test("a model can be any folder of a server", async ({ hub }) => {
  // Short downloads print no progress.
  hub.faults.add({ kind: "slow", value: 4_000_000 });
  const url = `${hub.url}/${id}/resolve/main`;
  const { out, err } = await describe("0.png", "--model", url);
  expect(out).toEqual([caption]);
  expect(err.at(-1)).toContain("100 %");
});

test("--models lists models, --remove deletes one", async ({ hub }) => {
  const hubbed = ["--model", id, "--hub", hub.url];
  const before = rowsOf((await describe("--models", "--json", ...hubbed)).out);
  expect(before).toHaveLength(1);
  expect(before[0]?.report?.chosen?.missing).toBeGreaterThan(weights / 2);
  expect(sent(hub)).toBeLessThan(weights / 2);

  await describe("0.png", ...hubbed);
  const all = rowsOf((await describe("--models", "--json")).out);
  expect(all.map((row) => row.model)).toEqual([
    ...["nano", "fastvlm-0.5b", "fastvlm-1.5b", "fastvlm-7b", id],
  ]);
  expect(all[0]?.report?.graphs.vision_encoder.length).toBeGreaterThan(1);
  expect(all[2]?.error?.code).toBe("unsupported");
  expect(all[4]?.stored?.bytes).toBeGreaterThanOrEqual(weights);

  const text = (await describe("--models", ...hubbed)).out.join("\n");
  for (const part of [
    "vision_encoder",
    "fp32",
    "memory",
    "licence",
    "stored",
  ]) {
    expect(text).toContain(part);
  }

  const key = all[4]?.stored?.key ?? "";
  const removed = await describe("--remove", key);
  expect(removed.out).toEqual([expect.stringMatching(/^Deleted .* freed/)]);
  const again = await describe("--remove", key);
  expect(again.err).toEqual([expect.stringMatching(/^describe: bad-option: /)]);
});

test("reports missing models and corrupt files", async ({ hub }) => {
  const args = ["0.png", "--hub", hub.url, "--model"];
  const none = await describe(...args, "fast-vlm/none");
  expect(none.err).toEqual([
    expect.stringMatching(/^describe: model-file-missing: .*fast-vlm\/none/),
  ]);
  hub.faults.add({ kind: "flip", value: 77, file: "vision_encoder.onnx" });
  const wrong = await describe(...args, id);
  expect(wrong.code).toBe(1);
  expect(wrong.err.at(-1)).toMatch(
    /^describe: model-corrupt: .*vision_encoder\.onnx/,
  );
});
