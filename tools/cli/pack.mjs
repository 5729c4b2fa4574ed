// @ts-check
/** What `npm publish` would send, and what `npm install` makes of it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cache, root } from "./prepare.mjs";

/**
 * Runs npm, whose own path npm tells its scripts.
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

/** @param {string} folder @returns {string} the tarball in it, built anew */
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
 * A project of somebody who has fast-vlm. It lies inside this repository, where
 * its dependencies are found, too.
 * @param {string} name
 * @returns {{ project: string, tarball: string }} its folder, and what of it is
 * installed there
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
