// @ts-check
/** The JavaScript heaps of a page and its workers, sampled while it works. */

import { setTimeout as sleep } from "node:timers/promises";

/** @typedef {{ usedSize: number, backingStorageSize?: number }} Heap */

/**
 * Playwright's sessions speak with the page only: its workers are reached in
 * messages to their targets.
 * @param {import("playwright").Page} page
 */
export async function watchScripts(page) {
  const session = await page.context().newCDPSession(page);
  /** @type {Set<string>} */
  const workers = new Set();
  /** @type {Map<string, Heap>} */
  const heaps = new Map();
  let heap = 0;
  let buffers = 0;
  /** @param {string} id @param {Heap} now */
  const take = (id, now) => {
    heaps.set(id, now);
    const all = [...heaps.values()];
    const sum = (/** @type {(one: Heap) => number} */ of) =>
      all.reduce((total, one) => total + of(one), 0);
    heap = Math.max(
      heap,
      sum((one) => one.usedSize),
    );
    buffers = Math.max(
      buffers,
      sum((one) => one.backingStorageSize ?? 0),
    );
  };
  session.on("Target.attachedToTarget", ({ sessionId }) => {
    workers.add(sessionId);
  });
  session.on("Target.detachedFromTarget", ({ sessionId }) => {
    workers.delete(sessionId);
    heaps.delete(sessionId);
  });
  session.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
    /** @type {unknown} */
    const answer = JSON.parse(message);
    const { result } = /** @type {{ result?: Heap }} */ (answer);
    if (result?.usedSize !== undefined) take(sessionId, result);
  });
  await session.send("Target.setAutoAttach", {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  const message = JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" });
  const sample = async () => {
    take("page", await session.send("Runtime.getHeapUsage"));
    for (const sessionId of workers) {
      await session.send("Target.sendMessageToTarget", { sessionId, message });
    }
  };
  let stopped = false;
  const watch = async () => {
    while (!stopped) {
      // A page that is closing answers no more.
      await sample().catch(() => undefined);
      await sleep(250);
    }
  };
  void watch();
  return {
    /** The most that the heaps held, and the buffers beside them. */
    peak: () => ({ heap, buffers }),
    stop: () => {
      stopped = true;
    },
  };
}
