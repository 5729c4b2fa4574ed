// @ts-check
/** The response headers of the page: the only list, for every server here. */

/** Threads of WebAssembly need a cross-origin isolated page. */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob: mediastream:",
  "style-src 'self'",
  "manifest-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** On every response: a worker obeys the policy of its own file. */
export const productionHeaders = {
  ...isolationHeaders,
  "Content-Security-Policy": contentSecurityPolicy,
  "Permissions-Policy": "camera=(self), display-capture=(self)",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};
