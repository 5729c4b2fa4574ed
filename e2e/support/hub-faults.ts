import { basename, join } from "node:path";
import type { ErrorCode } from "../../src/shared/errors.ts";
import type { Fault } from "../../tools/cli/hub/fake-hub.mjs";
import { folderHandler } from "../../tools/cli/server.mjs";
import { ask, errorOf, load, valueOf } from "./element.ts";
import {
  answers,
  choose,
  id,
  inspect,
  image,
  openHub,
  sent,
  test,
  weights,
} from "./hub.ts";
import { root } from "./paths.ts";
import { expect } from "./test.ts";

const micro = join(root, "workers/testing/micro");
const brief = { maxTokens: 4 };

/** A model loads despite the faults; the hub sends at most `extra` bytes twice. */
export function testPassing(
  name: string,
  faults: readonly Fault[],
  extra = 0,
): void {
  test(`loads despite ${name}`, async ({ page, hub }) => {
    await openHub(page, hub);
    for (const fault of faults) hub.faults.add(fault);
    valueOf(await load(page));
    await answers(page);
    expect(sent(hub)).toBeGreaterThanOrEqual(weights);
    expect(sent(hub)).toBeLessThanOrEqual(weights + extra);
  });
}

/** The faults make loading fail with an error that names the last fault's file. */
export function testFailing(
  name: string,
  code: ErrorCode,
  ...faults: readonly Fault[]
): void {
  test(`rejects with ${code} on ${name}, and keeps the previous model`, async ({
    page,
    hub,
    server,
  }) => {
    // Another model first: the store would have the files of the same one.
    server.mount("/micro/", folderHandler(micro));
    await openHub(page, hub, { model: "/micro/" });
    valueOf(await load(page));
    const { tokenIds } = valueOf(await ask(page, image, brief));
    await choose(page, id);
    for (const fault of faults) hub.faults.add(fault);
    const error = errorOf(await load(page));
    expect(error.code).toBe(code);
    expect(error.message).toContain(basename(faults.at(-1)?.file ?? id));
    expect(error.advice).not.toBe("");
    const after = valueOf(await ask(page, image, brief));
    expect(after.tokenIds).toEqual(tokenIds);

    // Without the fault it loads, and stored files are not fetched again.
    hub.faults.clear();
    const missing = (await inspect(page)).chosen?.missing ?? 0;
    const before = sent(hub);
    valueOf(await load(page));
    await answers(page);
    expect(sent(hub) - before).toBeLessThanOrEqual(missing);
  });
}
