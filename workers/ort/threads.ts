import { scriptPolicy } from "../../src/shared/trusted-types";

let threads: number | undefined;

/**
 * The number of threads for graphs on the CPU. Threads need shared memory, which
 * needs cross-origin isolation, and start from our script, which must have the
 * page's origin.
 */
export function cpuThreads(): number {
  const ours = new URL(import.meta.url).origin === location.origin;
  threads ??=
    crossOriginIsolated && ours && canStartThreads()
      ? Math.min(4, navigator.hardwareConcurrency)
      : 1;
  return threads;
}

/**
 * ONNX Runtime starts threads from string URLs. Under Trusted Types these need a
 * default policy, which is created here, in a worker of our own. A site that
 * does not allow the policy gets one thread.
 */
function canStartThreads(): boolean {
  try {
    scriptPolicy("default");
    return true;
  } catch {
    return false;
  }
}
