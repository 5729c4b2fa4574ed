// @ts-check
/** The bytes of an answer, at the pace and with the faults that are asked. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Body
 * @property {string} full the file
 * @property {number} start
 * @property {number} end one past the last byte
 * @property {number | undefined} slow bytes a second
 * @property {number | undefined} flip offset in the file
 * @property {number | undefined} cut bytes, then the connection ends
 * @property {number | undefined} stall bytes, then nothing
 */

/**
 * @param {import("node:http").ServerResponse} res
 * @param {Body} body
 * @param {(bytes: number) => void} onSent
 */
export async function sendBody(res, body, onSent) {
  const { full, start, end, slow, flip, cut, stall } = body;
  const limit = Math.min(cut ?? Infinity, stall ?? Infinity, end - start);
  const gone = new AbortController();
  res.once("close", () => gone.abort());
  const began = performance.now();
  let sent = 0;
  if (limit > 0) {
    const stream = createReadStream(full, {
      start,
      end: start + limit - 1,
      // Ten steps a second look slow rather than jerky.
      highWaterMark: Math.max(1, Math.min(65_536, (slow ?? Infinity) / 10)) | 0,
    });
    try {
      for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (stream)) {
        const at = (flip ?? -1) - start - sent;
        if (at >= 0 && at < chunk.length) chunk[at] = (chunk[at] ?? 0) ^ 0xff;
        const wait =
          slow === undefined
            ? 0
            : (sent / slow) * 1000 + began - performance.now();
        if (wait > 0) await sleep(wait, undefined, { signal: gone.signal });
        if (gone.signal.aborted) return;
        sent += chunk.length;
        onSent(chunk.length);
        if (!res.write(chunk))
          await once(res, "drain", { signal: gone.signal });
      }
    } catch (error) {
      if (!gone.signal.aborted) throw error;
      return;
    }
  }
  // What was written arrives; then the end comes too early, or never.
  res.flushHeaders();
  if (limit === cut) res.socket?.destroySoon();
  else if (limit === end - start) res.end();
}
