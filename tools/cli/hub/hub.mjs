// @ts-check
/** `npm run hub`: serves model folders like a hub, with faults on demand. */
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { command, flag, readArguments, readPort, text } from "../command.mjs";
import { callerFolder, ensureInstalled, root } from "../prepare.mjs";
import { faultKinds, parseFault } from "./faults.mjs";

const usage = `Usage: npm run hub -- [DIR | owner/name=DIR …] [options]

Serves model folders of this machine like the Hugging Face hub, for tests and for
use without internet: /{id}/resolve/{revision}/{file} and /api/models/{id}. Large
files come from a second port, at signed URLs that expire.
Without a folder it serves the bundled model as fast-vlm/nano.

  --id owner/name   id of the folder (default fast-vlm/ and the folder's name)
  --port N          first port to try (default 4180); uses the next free one
  --fault FAULT     a fault; may be given several times:
                    KIND[=VALUE][,file=GLOB][,times=N]
                    e.g. --fault "cut=100000,file=onnx/*.onnx,times=1"
  --log             print each request when it ends
  --help            print this text

Faults:
${Object.entries(faultKinds)
  .map(([kind, [value, meaning]]) => {
    const form = value === "" ? kind : `${kind}=${value}`;
    return `  ${form.padEnd(20)}${meaning}`;
  })
  .join("\n")}

At run time: POST /faults adds {"kind", "value", "file", "times"} or a list of
them, DELETE /faults removes all; GET /requests lists the requests so far with
their status, range and bytes sent, DELETE /requests clears the list.`;

const { values, positionals } = readArguments(
  "hub",
  usage,
  {
    id: text,
    port: { ...text, default: "4180" },
    fault: { ...text, multiple: true, default: [] },
    log: flag,
  },
  { allowPositionals: true },
);

/** The folders by id. */
function readModels() {
  const named =
    positionals.length > 0
      ? positionals
      : [`fast-vlm/nano=${join(root, "public/models/nano")}`];
  if (values.id !== undefined && positionals.length !== 1) {
    throw new Error("--id takes one folder; write owner/name=DIR for several.");
  }
  /** @type {Record<string, string>} */
  const models = {};
  for (const text of named) {
    const [id, folder] = readModel(text, values.id);
    if (id in models) throw new Error(`Two folders have the id ${id}.`);
    models[id] = folder;
  }
  return models;
}

/** @param {string} text @param {string | undefined} id @returns {[string, string]} */
function readModel(text, id) {
  const [, given, path = text] = /^([\w./-]+)=(.+)$/.exec(text) ?? [];
  const folder = resolve(callerFolder, path);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new Error(`There is no folder ${path}.`);
  }
  const name = id ?? given ?? basename(folder);
  const full = name.includes("/") ? name : `fast-vlm/${name}`;
  if (!/^[\w.-]+\/[\w.-]+$/.test(full)) {
    throw new Error(`${full} is not an id such as owner/name.`);
  }
  return [full, folder];
}

/** @param {import("./fake-hub.mjs").LoggedRequest} request */
function print({ method, path, range, status, bytes }) {
  const part = range === undefined ? "" : ` ${range}`;
  console.log(`${status || "---"} ${method} ${path}${part} ${bytes} bytes`);
}

await command("hub", async () => {
  const models = readModels();
  const port = readPort(values.port);
  const faults = values.fault.map(parseFault);
  ensureInstalled();
  const { startHub } = await import("./server.mjs");
  const onEnd = values.log ? { onEnd: print } : {};
  const { url } = await startHub({ models, port, faults, ...onEnd });
  console.log(`\n  The hub is at ${url}\n  Press Ctrl+C to stop it.\n`);
  for (const [id, folder] of Object.entries(models)) {
    console.log(`  ${id}  (${folder})`);
    const query = new URLSearchParams({ model: id, hub: url });
    console.log(`    on the page: ?${query.toString()}`);
    console.log(
      `    npm run describe -- image.png --model ${id} --hub ${url}\n`,
    );
  }
});
