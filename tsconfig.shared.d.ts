/**
 * What `src/shared` may name of the platform, and no more: types that the
 * contract hands over, and the clock. Everything else of the DOM or of a
 * worker is a compile error there.
 */
interface VideoFrame {
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
}
declare const AbortSignal: { any(signals: AbortSignal[]): AbortSignal };
declare const performance: { readonly timeOrigin: number; now(): number };
