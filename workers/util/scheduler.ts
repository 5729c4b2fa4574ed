const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.onmessage = () => {
  waiting.shift()?.();
};

/**
 * Resolves in a task of its own, after messages that have already arrived: how
 * an abort gets in. Timers would wait for 4 ms.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });
}

/** Thrown by work that its signal has ended; what it was part of ends as
 * `abort`, which is no failure. */
export class Stopped extends Error {}
