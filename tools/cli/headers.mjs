// @ts-check
/** The response headers of the page: the only list, for every server here. */

/** Threads of WebAssembly need a cross-origin isolated page. */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Where models may come from besides the page's own server: the hub with the
 * hosts it redirects to, and servers of this machine. Only model files are
 * asked of them, and nothing is sent but the request itself.
 */
const modelHosts = [
  "https://huggingface.co",
  "https://*.huggingface.co",
  "https://*.hf.co",
  "http://127.0.0.1:*",
  "http://localhost:*",
];

/** @param {readonly string[]} origins of mirrors, besides the usual hosts */
const contentSecurityPolicy = (origins) =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    `connect-src ${["'self'", ...modelHosts, ...origins].join(" ")}`,
    "img-src 'self' blob: data:",
    "media-src 'self' blob: mediastream:",
    "style-src 'self'",
    "manifest-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");

/**
 * On every response: a worker obeys the policy of its own file.
 * @param {readonly string[]} [origins] of mirrors that may be asked for models
 */
export const productionHeaders = (origins = []) => ({
  ...isolationHeaders,
  "Content-Security-Policy": contentSecurityPolicy(origins),
  "Permissions-Policy": "camera=(self), display-capture=(self)",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

/**
 * The origin of a mirror that somebody names.
 * @param {string} text
 */
export function readOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(`${text} is not an origin such as https://example.org.`);
  }
  return url.origin;
}
