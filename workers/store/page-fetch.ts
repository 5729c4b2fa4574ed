import type {
  FetchReply,
  FetchRequest,
  FetchCommand,
} from "../../src/shared/fetch-protocol";

/** A `fetch` that runs the page's `fetch`, over a MessagePort. */
export function fetchThrough(
  page: MessagePort,
): (url: string, init: RequestInit) => Promise<Response> {
  return (url, { method = "GET", headers, signal }) => {
    const { port1, port2 } = new MessageChannel();
    const given = Object.fromEntries(new Headers(headers));
    page.postMessage({ url, method, headers: given } satisfies FetchRequest, [
      port2,
    ]);
    return receive(port1, signal ?? undefined);
  };
}

function receive(
  port: MessagePort,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const send = (command: FetchCommand): void => {
    port.postMessage(command);
  };
  return new Promise((resolve, reject) => {
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    let resume = (): void => undefined;
    const close = (): void => {
      signal?.removeEventListener("abort", abort);
      send("end");
      port.close();
    };
    const fail = (error: Error): void => {
      close();
      body?.error(error);
      resume();
      reject(error);
    };
    const abort = (): void => {
      fail(new DOMException("The request was aborted.", "AbortError"));
    };
    const makeBody = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start: (controller) => {
          body = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            resume = resolve;
            send("next");
          }),
        cancel: close,
      });
    port.onmessage = ({ data }: MessageEvent<FetchReply>) => {
      switch (data.type) {
        case "head": {
          const { status, url } = data;
          const headers = data.headers.map(([name, value]) => [name, value]);
          try {
            const response = new Response(data.hasBody ? makeBody() : null, {
              status,
              headers: headers as [string, string][],
            });
            // A constructed response has none.
            Object.defineProperty(response, "url", { value: url });
            resolve(response);
          } catch (error) {
            fail(new TypeError(String(error)));
          }
          break;
        }
        case "chunk":
          body?.enqueue(data.bytes);
          resume();
          break;
        case "end":
          body?.close();
          resume();
          close();
          break;
        case "failed":
          fail(new TypeError(data.message));
          break;
      }
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
