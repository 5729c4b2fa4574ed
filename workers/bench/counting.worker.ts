/**
 * Runs the built worker with its WebGPU calls counted. The worker's name carries
 * its URL, which must be known before any message arrives. The threads of the WASM
 * backend run this file, too.
 */
import { isThread, runThread } from "../backends/wasm/thread-pool";
import { countGpuCalls, type WorkerUse } from "./gpu-calls";

if (isThread()) runThread();
else await runCounted();

async function runCounted(): Promise<void> {
  const read = countGpuCalls();
  const memories: WebAssembly.Memory[] = [];
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(target, given: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(...given);
      memories.push(memory);
      return memory;
    },
  });
  const use = (): WorkerUse => {
    const sizes = memories.map(({ buffer }) => buffer.byteLength);
    return { ...read(), wasm: sizes.reduce((sum, size) => sum + size, 0) };
  };
  const { worker, channel } = JSON.parse(self.name) as {
    worker: string;
    channel: string;
  };
  const asked = new BroadcastChannel(channel);
  asked.onmessage = () => asked.postMessage(use());

  // Messages that arrive before the worker listens would be lost.
  const early: MessageEvent[] = [];
  const keep = (event: Event): void => void early.push(event as MessageEvent);
  addEventListener("message", keep);
  await import(/* @vite-ignore */ worker);
  removeEventListener("message", keep);
  for (const event of early) {
    const { ports } = event;
    const data: unknown = event.data;
    dispatchEvent(new MessageEvent("message", { data, ports: [...ports] }));
  }
}
