import { expect, test, vi } from "vitest";
import type { FetchReply, FetchRequest } from "../../src/shared/fetch-protocol";
import { fetchThrough } from "./page-fetch";

/** The page's side, scripted: the requests, and the port of each answer. */
function setUp() {
  const { port1, port2 } = new MessageChannel();
  const asked: FetchRequest[] = [];
  const commands: unknown[] = [];
  const answers: MessagePort[] = [];
  port2.onmessage = ({ data, ports }: MessageEvent<FetchRequest>) => {
    asked.push(data);
    const [port] = ports;
    if (!port) return;
    answers.push(port);
    port.onmessage = ({ data }: MessageEvent) => commands.push(data);
  };
  const send = (answer: FetchReply): void =>
    answers.at(-1)?.postMessage(answer);
  const isAsked = () => vi.waitFor(() => expect(answers).toHaveLength(1));
  const end = (): void => {
    port1.close();
    port2.close();
    for (const port of answers) port.close();
  };
  return { fetch: fetchThrough(port1), asked, commands, send, isAsked, end };
}

const head = {
  type: "head",
  url: "https://cdn.b/c",
  status: 206,
  headers: [["etag", '"x"']],
} as const;

test("sends URL, method and headers", async () => {
  const { fetch, asked, send, isAsked, end } = setUp();
  const answer = fetch("https://a.b/c", { headers: { range: "bytes=0-1" } });
  await isAsked();
  expect(asked).toEqual([
    { url: "https://a.b/c", method: "GET", headers: { range: "bytes=0-1" } },
  ]);
  send({ ...head, hasBody: false });
  const { status, headers, body, url } = await answer;
  expect([status, headers.get("etag"), body]).toEqual([206, '"x"', null]);
  expect(url).toBe("https://cdn.b/c");
  end();
});

test("streams the body as it is read", async () => {
  const { fetch, commands, send, isAsked, end } = setUp();
  const answer = fetch("https://a.b/c", {});
  await isAsked();
  send({ ...head, hasBody: true });
  const reader = (await answer).body?.getReader();
  await vi.waitFor(() => expect(commands).toEqual(["next"]));
  send({ type: "chunk", bytes: Uint8Array.of(1, 2) });
  expect((await reader?.read())?.value).toEqual(Uint8Array.of(1, 2));
  await vi.waitFor(() => expect(commands).toEqual(["next", "next"]));
  send({ type: "end" });
  expect((await reader?.read())?.done).toBe(true);
  await vi.waitFor(() => expect(commands).toEqual(["next", "next", "end"]));
  end();
});

test("rejects when the page's fetch fails, before and during the body", async () => {
  const { fetch, send, isAsked, end } = setUp();
  const refused = fetch("https://a.b/c", {});
  await isAsked();
  send({ type: "failed", message: "no network" });
  await expect(refused).rejects.toThrow("no network");
  end();

  const second = setUp();
  const answer = second.fetch("https://a.b/c", {});
  await second.isAsked();
  second.send({ ...head, hasBody: true });
  const text = (await answer).text();
  second.send({ type: "failed", message: "cut off" });
  await expect(text).rejects.toThrow("cut off");
  second.end();
});

test("rejects an invalid status", async () => {
  const { fetch, send, isAsked, end } = setUp();
  const answer = fetch("https://a.b/c", {});
  await isAsked();
  send({ ...head, status: 0, hasBody: false });
  await expect(answer).rejects.toBeInstanceOf(TypeError);
  end();
});

test("ends the page's request when aborted", async () => {
  const { fetch, commands, send, isAsked, end } = setUp();
  const controller = new AbortController();
  const answer = fetch("https://a.b/c", { signal: controller.signal });
  await isAsked();
  send({ ...head, hasBody: true });
  const text = (await answer).text();
  controller.abort();
  await expect(text).rejects.toMatchObject({ name: "AbortError" });
  await vi.waitFor(() => expect(commands.at(-1)).toBe("end"));
  end();
});
