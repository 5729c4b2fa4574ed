/**
 * The page's own worker, as it was built, with its WebGPU calls counted. Its
 * name carries what a worker cannot be handed otherwise before it starts.
 */
import { countGpuCalls, type WorkerUse } from "../../src/shared/gpu-calls";

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

// What comes before the worker listens would be lost.
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
