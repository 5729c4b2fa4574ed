/**
 * Whether WebAssembly can wait for a promise (JSPI). Selects ORT's JSPI build,
 * which is 10 MB smaller and faster, or its asyncify build (Safari).
 */
export function canSuspend(): boolean {
  return "Suspending" in WebAssembly;
}
