import { scriptPolicy } from "../../src/shared/trusted-types";

/** As many as ONNX Runtime may start for graphs on the CPU. */
let threads: number | undefined;

/**
 * Threads need shared memory, hence cross-origin isolation; and they start from
 * our files, which then have to be of the page's origin.
 */
export function cpuThreads(): number {
  const ours = new URL(import.meta.url).origin === location.origin;
  threads ??=
    crossOriginIsolated && ours && canStartThem()
      ? Math.min(4, navigator.hardwareConcurrency)
      : 1;
  return threads;
}

/**
 * ONNX Runtime starts them by plain addresses. Where Trusted Types are required
 * these go through the policy of this name, here in a worker that is ours
 * alone; a site that does not allow it has one thread.
 */
function canStartThem(): boolean {
  try {
    scriptPolicy("default");
    return true;
  } catch {
    return false;
  }
}
