// @ts-check
/**
 * `npm run package`: builds lib/, which is published. `es/` contains modules with
 * type declarations for bundlers; `web/` contains everything for static servers.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cache, ensureInstalled, readJson, root } from "../prepare.mjs";

ensureInstalled();
const { buildScripts, entries } = await import("./scripts.mjs");
const { buildTypes } = await import("./types.mjs");
const { buildManifest } = await import("./element-manifest.mjs");
const { notices } = await import("./notices.mjs");

const { dependencies, peerDependencies, version } =
  /** @type {{ version: string, dependencies: object, peerDependencies: object }} */ (
    readJson(join(root, "package.json"))
  );

/** @returns {string} a name that changes with the worker's code */
function buildName() {
  const hash = createHash("sha256");
  for (const folder of ["workers", "src/shared"]) {
    const names = readdirSync(join(root, folder), { recursive: true });
    for (const name of names.map(String).sort()) {
      if (!/\.(ts|wgsl)$/.test(name)) continue;
      hash.update(name).update(readFileSync(join(root, folder, name)));
    }
  }
  hash.update(readFileSync(join(root, "package-lock.json")));
  return `${version} ${hash.digest("hex").slice(0, 16)}`;
}

// Built in another folder and moved, since lib/ may be in use.
const fresh = join(cache, `package-${process.pid}`);
const modules = await buildScripts(fresh, {
  external: Object.keys({ ...dependencies, ...peerDependencies }),
  name: buildName(),
});
const sources = [...Object.values(entries), "src/bundle.ts"];
await buildManifest(fresh, buildTypes(fresh, sources));
// The worker exports nothing.
writeFileSync(join(fresh, "web/worker.d.ts"), "export {};\n");
writeFileSync(
  join(fresh, "web/fast-vlm.d.ts"),
  'export * from "../es/bundle.js";\n',
);
writeFileSync(join(fresh, "web/LICENSES.txt"), notices(modules));
cpSync(join(root, "public/models"), join(fresh, "web/models"), {
  recursive: true,
});
cpSync(join(root, "tools/cli/package/cli.mjs"), join(fresh, "cli.mjs"));
const lib = join(root, "lib");
rmSync(lib, { recursive: true, force: true, maxRetries: 5 });
renameSync(fresh, lib);
