/**
 * Keeps the screen on until `signal` aborts. The browser releases the lock of a
 * hidden page, so it is requested again. A rejection (e.g. low battery) is ignored.
 */
export function keepAwake(signal: AbortSignal): void {
  let lock: WakeLockSentinel | undefined;
  const request = async (): Promise<void> => {
    if (document.hidden || signal.aborted || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (signal.aborted) await lock.release();
    } catch {
      lock = undefined;
    }
  };
  document.addEventListener("visibilitychange", () => void request(), {
    signal,
  });
  signal.addEventListener("abort", () => void lock?.release(), { once: true });
  void request();
}
