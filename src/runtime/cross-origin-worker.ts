import { scriptPolicy, type ScriptPolicy } from "../shared/trusted-types";

let policy: ScriptPolicy | undefined;

/**
 * The worker beside this file, whatever its origin. A worker has to be of the
 * page's own origin, so one from elsewhere is imported by a line of script that
 * the page makes: its policy has to allow that origin and `blob:` as
 * `worker-src`, or the page has that line in a file of its own (the element's
 * property `worker`).
 */
export function startCrossOriginWorker(): Worker {
  const url = new URL("./worker.js", import.meta.url);
  if (url.origin === location.origin) return start(url.href);
  const line = `import ${JSON.stringify(url.href)};`;
  const script = new Blob([line], { type: "text/javascript" });
  const address = URL.createObjectURL(script);
  const worker = start(address);
  // The worker has taken the script when its address was read.
  URL.revokeObjectURL(address);
  return worker;
}

function start(address: string): Worker {
  policy ??= scriptPolicy("fast-vlm");
  const trusted = policy?.createScriptURL(address) ?? address;
  return new Worker(trusted, { type: "module" });
}
