/**
 * The platform types that `src/shared` may use: those of the protocol, the
 * clock, timers and abort signals. Anything else of the DOM or of a worker is a
 * compile error there.
 */
interface VideoFrame {
  readonly colorSpace: { readonly transfer: string | null };
  close(): void;
}
interface ImageBitmap {
  close(): void;
}
interface Blob {
  readonly size: number;
}
interface MessagePort {
  postMessage(message: unknown): void;
}
interface AbortSignal {
  readonly aborted: boolean;
  addEventListener(
    type: "abort",
    listener: () => void,
    options?: { readonly once?: boolean },
  ): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
declare const AbortSignal: { any(signals: AbortSignal[]): AbortSignal };
declare const performance: { readonly timeOrigin: number; now(): number };
declare function setTimeout(callback: () => void, ms: number): number;
declare function clearTimeout(timer: number): void;
