import { join } from "node:path";
import { folderHandler } from "../../tools/cli/server.mjs";
import { ask, errorOf, load, valueOf } from "./element.ts";
import {
  answers,
  choose,
  id,
  inspect,
  openHub,
  picture,
  sent,
  test,
  weights,
  type Hub,
} from "./hub.ts";
import { root } from "./paths.ts";
import { expect } from "./test.ts";

const micro = join(root, "workers/testing/micro");
const brief = { maxTokens: 4 };

/** A fault despite which a model loads. */
export interface PassingFault {
  readonly spoil: (hub: Hub) => void;
  /** Maximum number of bytes that are sent twice. */
  readonly extra: number;
}

/** A fault that makes loading fail. */
export interface FailingFault {
  readonly spoil: (hub: Hub) => void;
  readonly code: string;
  /** The file that the error names. */
  readonly names: RegExp;
}

export function testPassing(faults: Record<string, PassingFault>): void {
  for (const [name, { spoil, extra }] of Object.entries(faults)) {
    test(`loads despite ${name}`, async ({ page, hub }) => {
      await openHub(page, hub);
      spoil(hub);
      valueOf(await load(page));
      await answers(page);
      expect(sent(hub)).toBeGreaterThanOrEqual(weights);
      expect(sent(hub)).toBeLessThanOrEqual(weights + extra);
    });
  }
}

export function testFailing(faults: Record<string, FailingFault>): void {
  for (const [name, { spoil, code, names }] of Object.entries(faults)) {
    test(`rejects with ${code} on ${name}, and keeps the previous model`, async ({
      page,
      hub,
      server,
    }) => {
      // Another model first: the store would have the files of the same one.
      server.mount("/micro/", folderHandler(micro));
      await openHub(page, hub, { model: "/micro/" });
      valueOf(await load(page));
      const { tokenIds } = valueOf(await ask(page, picture, brief));
      await choose(page, id);
      spoil(hub);
      const error = errorOf(await load(page));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(names);
      expect(error.advice).not.toBe("");
      const after = valueOf(await ask(page, picture, brief));
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
}
