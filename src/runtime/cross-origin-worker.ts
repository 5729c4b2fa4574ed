import { scriptPolicy, type ScriptPolicy } from "../shared/trusted-types";

let policy: ScriptPolicy | undefined;

/**
 * Starts the worker beside this file, whatever its origin. A worker's script must
 * have the page's origin, so a cross-origin one is imported by a script that is
 * created here as a Blob. The page's Content Security Policy must allow that
 * origin and `blob:` as `worker-src`; otherwise the page has to pass a function
 * that starts the worker as the element's property `worker`.
 */
export function startCrossOriginWorker(): Worker {
  const url = new URL("./worker.js", import.meta.url);
  if (url.origin === location.origin) return start(url.href);
  const script = `import ${JSON.stringify(url.href)};`;
  const blob = new Blob([script], { type: "text/javascript" });
  const blobUrl = URL.createObjectURL(blob);
  const worker = start(blobUrl);
  // The constructor has resolved the URL.
  URL.revokeObjectURL(blobUrl);
  return worker;
}

function start(url: string): Worker {
  policy ??= scriptPolicy("fast-vlm");
  const trusted = policy?.createScriptURL(url) ?? url;
  return new Worker(trusted, { type: "module" });
}
