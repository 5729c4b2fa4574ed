const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.onmessage = () => {
  waiting.shift()?.();
};

/**
 * Resolves in a later task, after messages that have already arrived, such as
 * an abort. A MessageChannel, because nested timers wait at least 4 ms.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });
}

/** Thrown where a request ends because its signal was aborted. The request
 * then resolves with the finish reason `abort`. */
export class Stopped extends Error {}

/** Processes the messages that have arrived, then throws `Stopped` if `signal`
 * is aborted. */
export async function checkpoint(signal: AbortSignal): Promise<void> {
  await nextTask();
  if (signal.aborted) throw new Stopped();
}
