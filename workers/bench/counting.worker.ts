/**
 * The page's own worker, as it was built, with its WebGPU calls counted. Its
 * name carries what a worker cannot be handed otherwise before it starts.
 */
import { countGpuCalls } from "../../src/shared/gpu-calls";

const read = countGpuCalls();
const { worker, channel } = JSON.parse(self.name) as {
  worker: string;
  channel: string;
};
const asked = new BroadcastChannel(channel);
asked.onmessage = () => asked.postMessage(read());

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
