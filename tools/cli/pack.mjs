// @ts-check
/** Packs the package and unpacks it as `npm install` would. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cache, root } from "./prepare.mjs";

/**
 * Runs npm; scripts find its path in npm_execpath.
 * @param {readonly string[]} args
 * @param {string} cwd
 * @returns {{ ok: boolean, output: string }}
 */
export function npm(args, cwd) {
  const cli = process.env["npm_execpath"];
  /** @type {import("node:child_process").SpawnSyncOptionsWithStringEncoding} */
  const options = { cwd, encoding: "utf8" };
  const { status, stdout, stderr } =
    cli === undefined
      ? spawnSync("npm", args, { ...options, shell: true })
      : spawnSync(process.execPath, [cli, ...args], options);
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

/** @param {string} folder emptied first @returns {string} path of the tarball */
export function pack(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // The script prepack builds lib/.
  const { ok, output } = npm(["pack", "--pack-destination", folder], root);
  const [file] = readdirSync(folder);
  if (!ok || file === undefined) throw new Error(`npm pack failed:\n${output}`);
  return join(folder, file);
}

/**
 * Creates a project with fast-vlm installed from its tarball. It is inside this
 * repository, so that its dependencies are found.
 * @param {string} name
 * @returns {{ project: string, tarball: string }}
 */
export function unpacked(name) {
  const project = join(cache, "projects", name);
  const folder = join(project, "node_modules/fast-vlm");
  rmSync(project, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const tarball = pack(join(project, "packed"));
  const { status, stderr } = spawnSync(
    "tar",
    ["-xzf", tarball, "-C", folder, "--strip-components=1"],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
  return { project, tarball };
}
