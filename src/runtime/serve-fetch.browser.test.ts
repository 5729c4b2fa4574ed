import { afterEach, expect, test, vi } from "vitest";
import { serveFetch } from "./serve-fetch";
import type { FetchReply } from "../shared/fetch-protocol";

const ports: MessagePort[] = [];
afterEach(() => ports.splice(0).forEach((port) => port.close()));

/** The worker's side, by hand: a request, and what came as its answer. */
function request(ask: typeof fetch) {
  const page = serveFetch(ask);
  const { port1, port2 } = new MessageChannel();
  ports.push(page, port1);
  const answers: FetchReply[] = [];
  port1.onmessage = ({ data }: MessageEvent<FetchReply>) => answers.push(data);
  const headers = { range: "bytes=0-1" };
  page.postMessage({ url: "https://a.b/c", method: "GET", headers }, [port2]);
  const came = (count: number): Promise<void> =>
    vi.waitFor(() => expect(answers).toHaveLength(count));
  return { port: port1, answers, came };
}

/** A body of these pieces, and what became of it. */
function body(...pieces: Uint8Array<ArrayBuffer>[]) {
  const cancel = vi.fn();
  const left = [...pieces];
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: (controller) => {
        const piece = left.shift();
        if (piece) controller.enqueue(piece);
        else controller.close();
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
  return { stream, left, cancel };
}

test("passes the request on and bypasses the HTTP cache", async () => {
  const ask = vi.fn<typeof fetch>().mockResolvedValue(new Response(null));
  const { came, answers } = request(ask);
  await came(1);
  expect(ask).toHaveBeenCalledWith(
    "https://a.b/c",
    expect.objectContaining({
      ...{ method: "GET", cache: "no-store" },
      headers: { range: "bytes=0-1" },
    }),
  );
  expect(answers[0]).toMatchObject({ type: "head", hasBody: false });
});

test("sends status and headers, then one chunk for each command", async () => {
  const pieces = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const { stream, left } = body(...pieces);
  const response = new Response(stream, {
    status: 206,
    headers: { etag: `"x"` },
  });
  const { port, came, answers } = request(() => Promise.resolve(response));
  await came(1);
  expect(answers[0]).toEqual({
    ...{ type: "head", url: "", status: 206, hasBody: true },
    headers: [["etag", `"x"`]],
  });
  expect(left).toHaveLength(2);
  port.postMessage("next");
  await came(2);
  expect(left).toHaveLength(1);
  port.postMessage("next");
  port.postMessage("next");
  await came(4);
  expect(answers.slice(1)).toEqual([
    { type: "chunk", bytes: Uint8Array.of(1, 2) },
    { type: "chunk", bytes: Uint8Array.of(3) },
    { type: "end" },
  ]);
  // The page may keep its bytes: they are copied.
  expect(pieces.map(({ length }) => length)).toEqual([2, 1]);
});

test("aborts the page's fetch when the worker ends the response", async () => {
  const { stream, cancel } = body(Uint8Array.of(1));
  let signal: AbortSignal | null | undefined;
  const { port, came } = request((_, init) => {
    signal = init?.signal;
    return Promise.resolve(new Response(stream));
  });
  await came(1);
  port.postMessage("end");
  await vi.waitFor(() => expect(signal?.aborted).toBe(true));
  await vi.waitFor(() => expect(cancel).toHaveBeenCalled());
});

test.each<[string, typeof fetch, RegExp]>([
  [
    "a rejection",
    () => Promise.reject(new TypeError("no network")),
    /no network/,
  ],
  [
    "a throw",
    () => {
      throw new Error("a bug of the page");
    },
    /a bug of the page/,
  ],
  ["no response", () => Promise.resolve(undefined as unknown as Response), /./],
  [
    "an opaque response",
    () =>
      Promise.resolve(
        Object.defineProperty(new Response(null), "type", { value: "opaque" }),
      ),
    /opaque/,
  ],
])("%s is told", async (_, ask, message) => {
  const { came, answers } = request(ask);
  await came(1);
  expect(answers[0]).toEqual({
    type: "failed",
    message: expect.stringMatching(message) as string,
  });
});
