// @ts-check
/** Looks into the threads of a page from outside, by Chromium's own protocol. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Thread
 * @property {number} heap bytes of JavaScript and of what it holds of the browser
 * @property {number} arrays bytes of arrays, which are outside of it
 *
 * @typedef {(method: string, params?: object) => Promise<unknown>} Send
 * @typedef {{ id?: number, result?: unknown, error?: { message: string } }} Told
 */

/**
 * The page's own thread, and its workers as they come.
 * @param {import("playwright").Page} page
 */
export async function watchThreads(page) {
  const session = await page.context().newCDPSession(page);
  const send = /** @type {Send} */ (session.send.bind(session));
  /** @type {Map<string, string>} sessions by the workers' addresses */
  const workers = new Map();
  /** @type {Map<number, (told: Told) => void>} */
  const waiting = new Map();
  let last = 0;
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") workers.set(targetInfo.url, sessionId);
  });
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    /** @type {unknown} */
    const parsed = JSON.parse(message);
    const told = /** @type {Told} */ (parsed);
    waiting.get(told.id ?? 0)?.(told);
    waiting.delete(told.id ?? 0);
  });
  /** @type {Promise<never>} Nobody answers any more. */
  const gone = new Promise((_, reject) => {
    const end = () => reject(new Error("the page is gone"));
    page.once("crash", end);
    page.once("close", end);
  });
  gone.catch(() => undefined);
  await session.send("Target.setAutoAttach", {
    ...{ autoAttach: true, waitForDebuggerOnStart: false, flatten: false },
  });

  /** @param {string} sessionId @returns {Send} */
  const sendTo = (sessionId) => async (method, params) => {
    const id = ++last;
    const message = JSON.stringify({ id, method, params: params ?? {} });
    /** @type {Promise<Told>} */
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
      if (found === undefined) throw new Error(`no worker is like ${url}`);
      return measure(sendTo(found));
    },
  };
}

/** When garbage is gone. @param {Send} send @returns {Promise<Thread>} */
async function measure(send) {
  await send("HeapProfiler.collectGarbage");
  // What was to be told of it is told in tasks of its own.
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
