import {
  WorkerClient,
  type WorkerClientOptions,
} from "../../runtime/worker-client";
import type { WorkerUse } from "../../../workers/bench/gpu-calls";
import workerUrl from "../../../workers/vlm.worker?worker&url";

/** A WorkerClient with the built worker, whose WebGPU calls are counted. */
export interface CountingWorker {
  readonly runtime: WorkerClient;
  readonly read: () => Promise<WorkerUse>;
  readonly dispose: () => void;
}

export function openCountingWorker(
  options: WorkerClientOptions = {},
): CountingWorker {
  const channel = new BroadcastChannel(`bench ${crypto.randomUUID()}`);
  const worker = (): Worker => startCounted(channel.name);
  const runtime = new WorkerClient({ ...options, worker });
  return {
    runtime,
    read: () =>
      new Promise((resolve) => {
        channel.onmessage = ({ data }: MessageEvent<WorkerUse>) =>
          resolve(data);
        channel.postMessage("read");
      }),
    dispose: () => {
      runtime.dispose();
      channel.close();
    },
  };
}

function startCounted(channel: string): Worker {
  const worker = new URL(workerUrl, location.href).href;
  return new Worker(
    new URL("../../../workers/bench/counting.worker.ts", import.meta.url),
    { type: "module", name: JSON.stringify({ worker, channel }) },
  );
}
