import type {
  FetchAnswer,
  FetchRequest,
  FetchWish,
} from "../shared/fetch-protocol";

/** Answers what the worker asks on the port returned with a `fetch` of the
 * page's. */
export function serveFetch(ask: typeof fetch): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data, ports }: MessageEvent<FetchRequest>) => {
    const [answers] = ports;
    if (answers) void answer(ask, data, answers);
  };
  return port2;
}

async function answer(
  ask: typeof fetch,
  { url, ...init }: FetchRequest,
  port: MessagePort,
): Promise<void> {
  const controller = new AbortController();
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  const send = (message: FetchAnswer): void => port.postMessage(message);
  const fail = (thrown: unknown): void =>
    send({ type: "failed", message: String(thrown) });
  const next = async (): Promise<void> => {
    const part = await reader?.read();
    if (part?.value) send({ type: "piece", bytes: part.value });
    else send({ type: "end" });
  };
  const end = (): void => {
    controller.abort();
    reader?.cancel().catch(() => undefined);
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<FetchWish>) => {
    if (data === "next") next().catch(fail);
    else end();
  };
  // The worker is gone.
  port.addEventListener("close", end);
  try {
    const { signal } = controller;
    // What the worker keeps need not be kept by the browser a second time.
    const response = await ask(url, { cache: "no-store", ...init, signal });
    if (response.type === "opaque") {
      throw new TypeError(
        "the response is opaque: its server does not allow this page to read it",
      );
    }
    const { status, headers, body } = response;
    reader = body?.getReader();
    const hasBody = reader !== undefined;
    send({ type: "head", status, headers: [...headers], hasBody });
  } catch (thrown) {
    fail(thrown);
  }
}
