// @ts-check
/** Response headers of the page, for every server in this repository. */

/** WebAssembly threads need cross-origin isolation. */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/**
 * Hosts of models besides the page's own server: the hub, the hosts it redirects to,
 * and servers on this machine. Only model files are requested from them.
 */
const modelHosts = [
  "https://huggingface.co",
  "https://*.huggingface.co",
  "https://*.hf.co",
  "http://127.0.0.1:*",
  "http://localhost:*",
];

/** @param {readonly string[]} origins additional hosts of models */
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
 * Headers for every response, since a worker obeys the policy of its own file.
 * @param {readonly string[]} [origins] additional hosts of models
 */
export const productionHeaders = (origins = []) => ({
  ...isolationHeaders,
  "Content-Security-Policy": contentSecurityPolicy(origins),
  "Permissions-Policy": "camera=(self), display-capture=(self)",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
});

/**
 * Parses the origin of a mirror.
 * @param {string} text
 */
export function readOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Error(
      `${text} is not an origin. Use a URL such as https://example.org.`,
    );
  }
  return url.origin;
}
