import type {
  FetchReply,
  FetchRequest,
  FetchCommand,
} from "../shared/fetch-protocol";

/** Runs requests that the worker posts to the returned port with the page's
 * `fetch`. */
export function serveFetch(pageFetch: typeof fetch): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data, ports }: MessageEvent<FetchRequest>) => {
    const [reply] = ports;
    if (reply) void respond(pageFetch, data, reply);
  };
  return port2;
}

async function respond(
  pageFetch: typeof fetch,
  { url, ...init }: FetchRequest,
  port: MessagePort,
): Promise<void> {
  const controller = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  const send = (message: FetchReply): void => port.postMessage(message);
  const fail = (thrown: unknown): void =>
    send({ type: "failed", message: String(thrown) });
  const next = async (): Promise<void> => {
    const chunk = await reader?.read();
    if (chunk?.value) send({ type: "chunk", bytes: chunk.value });
    else send({ type: "end" });
  };
  const end = (): void => {
    controller.abort();
    reader?.cancel().catch(() => undefined);
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<FetchCommand>) => {
    if (data === "next") next().catch(fail);
    else end();
  };
  // The worker was terminated.
  port.addEventListener("close", end);
  try {
    const { signal } = controller;
    // The worker stores the file; the HTTP cache need not.
    const response = await pageFetch(url, {
      cache: "no-store",
      ...init,
      signal,
    });
    if (response.type === "opaque") {
      throw new TypeError(
        "the response is opaque: its server does not allow this page to read it",
      );
    }
    const { status, headers, body, url: finalUrl } = response;
    reader = body?.getReader();
    const hasBody = reader !== undefined;
    send({
      ...{ type: "head", url: finalUrl, status },
      ...{ headers: [...headers], hasBody },
    });
  } catch (thrown) {
    fail(thrown);
  }
}
