// @ts-check
/** Measures the heaps of a page's threads through the DevTools protocol. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Thread
 * @property {number} heap bytes of JavaScript and of the browser objects it references
 * @property {number} arrays bytes of array buffers, outside of the heap
 *
 * @typedef {(method: string, params?: object) => Promise<unknown>} Send
 * @typedef {{ id?: number, result?: unknown, error?: { message: string } }} CdpMessage
 */

/**
 * Attaches to the page's thread and its workers.
 * @param {import("playwright").Page} page
 */
export async function watchThreads(page) {
  const session = await page.context().newCDPSession(page);
  const send = /** @type {Send} */ (session.send.bind(session));
  /** @type {Map<string, string>} session ids by worker URL */
  const workers = new Map();
  /** @type {Map<number, (reply: CdpMessage) => void>} */
  const waiting = new Map();
  let lastId = 0;
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") workers.set(targetInfo.url, sessionId);
  });
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    /** @type {unknown} */
    const parsed = JSON.parse(message);
    const reply = /** @type {CdpMessage} */ (parsed);
    if (reply.id === undefined) return;
    waiting.get(reply.id)?.(reply);
    waiting.delete(reply.id);
  });
  /** @type {Promise<never>} rejects when the page is gone */
  const gone = new Promise((_, reject) => {
    const end = () => reject(new Error("The page crashed or was closed."));
    page.once("crash", end);
    page.once("close", end);
  });
  gone.catch(() => undefined);
  await session.send("Target.setAutoAttach", {
    ...{ autoAttach: true, waitForDebuggerOnStart: false, flatten: false },
  });

  /** @param {string} sessionId @returns {Send} */
  const sendTo = (sessionId) => async (method, params) => {
    const id = ++lastId;
    const message = JSON.stringify({ id, method, params: params ?? {} });
    /** @type {Promise<CdpMessage>} */
    const answered = new Promise((resolve) => waiting.set(id, resolve));
    await send("Target.sendMessageToTarget", { sessionId, message });
    const { result, error } = await Promise.race([answered, gone]);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };

  return {
    page: () => measure(send),
    /** @param {RegExp} url */
    worker: (url) => {
      const [, found] = [...workers].find(([each]) => url.test(each)) ?? [];
      if (found === undefined)
        throw new Error(`No worker has a URL like ${url}.`);
      return measure(sendTo(found));
    },
  };
}

/** Collects garbage first. @param {Send} send @returns {Promise<Thread>} */
async function measure(send) {
  await send("HeapProfiler.collectGarbage");
  // FinalizationRegistry callbacks run in separate tasks.
  await sleep(200);
  await send("HeapProfiler.collectGarbage");
  const usage =
    /** @type {{ usedSize: number, embedderHeapUsedSize: number, backingStorageSize: number }} */ (
      await send("Runtime.getHeapUsage")
    );
  return {
    heap: usage.usedSize + usage.embedderHeapUsedSize,
    arrays: usage.backingStorageSize,
  };
}
