// @ts-check
/** Packs the package and unpacks it as `npm install` would. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, npm, root } from "../prepare.mjs";

/** @param {string} folder emptied first @returns {string} path of the tarball */
export function pack(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // The script prepack builds lib/.
  const { ok, output } = npm(["pack", "--pack-destination", folder], {
    cwd: root,
  });
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
