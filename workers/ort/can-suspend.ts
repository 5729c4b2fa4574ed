/**
 * Whether WebAssembly can wait for a promise. Then it is the JSPI build, which
 * is 10 MB smaller and quicker, else the asyncify build (Safari).
 */
export function canSuspend(): boolean {
  return "Suspending" in WebAssembly;
}
