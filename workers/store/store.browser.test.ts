import { transferHandlers, wrap, type Remote } from "comlink";
import { afterEach, beforeAll, expect, test } from "vitest";
import { carryErrors } from "../../src/shared/wire";
import { bytesOf, hashes } from "./testing/bytes";
import type { Tab } from "./testing/store.worker";

const files = { "a.json": bytesOf(500, 1), "onnx/b": bytesOf(1_000_000, 2) };
const paths = Object.keys(files);
const workers: Worker[] = [];
let directory = "";

beforeAll(() => {
  carryErrors(transferHandlers);
});

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** A tab, and how it is closed. */
async function tab(pause = 0, down = false) {
  const worker = new Worker(
    new URL("./testing/store.worker.ts", import.meta.url),
    { type: "module" },
  );
  workers.push(worker);
  const api: Remote<Tab> = wrap<Tab>(worker);
  await api.open(directory, files, pause, down);
  const close = (): void => {
    worker.terminate();
  };
  return { api, close };
}

test("what was loaded starts again with the network off", async () => {
  directory = "store-off";
  const online = await tab();
  expect(await hashes(await online.api.load(paths))).toEqual(
    await hashes(files),
  );
  online.close();
  const offline = await tab(0, true);
  expect(await hashes(await offline.api.load(paths))).toEqual(
    await hashes(files),
  );
  expect(await offline.api.sent()).toEqual([]);
});
