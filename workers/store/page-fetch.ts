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
  const wish = (what: FetchCommand): void => {
    port.postMessage(what);
  };
  return new Promise((resolve, reject) => {
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    let arrived = (): void => undefined;
    const close = (): void => {
      signal?.removeEventListener("abort", leave);
      wish("end");
      port.close();
    };
    const fail = (error: Error): void => {
      close();
      body?.error(error);
      arrived();
      reject(error);
    };
    const leave = (): void => {
      fail(new DOMException("The request was aborted.", "AbortError"));
    };
    const streamed = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start: (controller) => {
          body = controller;
        },
        pull: () =>
          new Promise<void>((resolve) => {
            arrived = resolve;
            wish("next");
          }),
        cancel: close,
      });
    port.onmessage = ({ data }: MessageEvent<FetchReply>) => {
      switch (data.type) {
        case "head": {
          const { status } = data;
          const headers = data.headers.map(([name, value]) => [name, value]);
          try {
            resolve(
              new Response(data.hasBody ? streamed() : null, {
                status,
                headers: headers as [string, string][],
              }),
            );
          } catch (error) {
            fail(new TypeError(String(error)));
          }
          break;
        }
        case "chunk":
          body?.enqueue(data.bytes);
          arrived();
          break;
        case "end":
          body?.close();
          arrived();
          close();
          break;
        case "failed":
          fail(new TypeError(data.message));
          break;
      }
    };
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave, { once: true });
  });
}
