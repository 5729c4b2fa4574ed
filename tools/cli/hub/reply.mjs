// @ts-check
/** Answers of the hub that contain no file. */

/**
 * @typedef {import("./faults.mjs").TakeFault} TakeFault
 *
 * @typedef {object} HubReply
 * @property {number} status
 * @property {Record<string, string>} headers
 * @property {string | AsyncIterable<Uint8Array>} [body]
 */

/** @param {string} body @returns {HubReply} */
export const jsonReply = (body) => ({
  status: 200,
  headers: { "Content-Type": "application/json; charset=utf-8" },
  body,
});

/** @param {number} status @param {string} code @param {string} message @param {Record<string, string>} [headers] @returns {HubReply} */
export const errorReply = (status, code, message, headers = {}) => ({
  status,
  headers: {
    ...headers,
    "Content-Type": "application/json; charset=utf-8",
    "X-Error-Code": code,
    "X-Error-Message": message,
  },
  body: JSON.stringify({ error: message }),
});

/** @param {number} status @param {string} text @returns {HubReply} */
export const htmlReply = (status, text) => ({
  status,
  headers: { "Content-Type": "text/html; charset=utf-8" },
  body: `<!doctype html>${text}`,
});

/** The answer of a server that is not a hub. @returns {HubReply} */
export const notFound = () => ({
  status: 404,
  headers: { "Content-Type": "text/plain; charset=utf-8" },
  body: "Not Found",
});

/** The answer of the CDN to an invalid or expired URL. @returns {HubReply} */
export const accessDenied = () => ({
  status: 403,
  headers: { "Content-Type": "application/xml" },
  body: '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>',
});

/** @param {number} status @param {string} location @param {Record<string, string>} headers @returns {HubReply} */
export const redirect = (status, location, headers) => ({
  status,
  headers: {
    ...headers,
    Location: location,
    "Content-Type": "text/plain; charset=utf-8",
  },
  body: `Redirecting to ${location}`,
});

/** @param {number} seconds until the limit ends @returns {HubReply} */
function rateLimited(seconds) {
  const reply = htmlReply(429, "Too many requests");
  reply.headers = {
    ...reply.headers,
    RateLimit: `"resolvers";r=0;t=${seconds}`,
    "RateLimit-Policy": '"fixed window";"resolvers";q=3000;w=300',
    // Of a plain server: a page cannot read it in an answer of the hub.
    "Retry-After": String(seconds),
  };
  return reply;
}

/**
 * The answer of a fault that replaces the file.
 * @param {string} path
 * @param {TakeFault} take
 * @returns {HubReply | "hang" | "reset" | undefined}
 */
export function faultReply(path, take) {
  if (take("hang", path) !== undefined) return "hang";
  if (take("reset", path) !== undefined) return "reset";
  const status = take("status", path);
  if (status !== undefined) {
    return errorReply(Number(status), "Fault", "A requested fault.");
  }
  const seconds = take("busy", path);
  if (seconds !== undefined) return rateLimited(Number(seconds));
  if (take("page", path) !== undefined) return htmlReply(200, "Log in");
  return undefined;
}
