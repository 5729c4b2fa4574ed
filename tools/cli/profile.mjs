// @ts-check
/**
 * The browser's profile between runs: models that were downloaded and licences
 * that were agreed to stay in it. One run at a time can hold it.
 */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/** Where this system keeps what can be made again. */
export function userCache(env = process.env, platform = process.platform) {
  const chosen = env["XDG_CACHE_HOME"];
  if (chosen) return join(chosen, "fast-vlm");
  if (platform === "darwin") return join(homedir(), "Library/Caches/fast-vlm");
  if (platform === "win32") {
    const local = env["LOCALAPPDATA"] ?? join(homedir(), "AppData/Local");
    return join(local, "fast-vlm/Cache");
  }
  return join(homedir(), ".cache/fast-vlm");
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process lives, too.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** Whether this process has it now. @param {string} path */
function take(path) {
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return true;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== "EEXIST") throw error;
    }
    const holder = Number(readFileSync(path, "utf8"));
    // An empty file is one that is being written.
    if (holder === 0 || isAlive(holder)) return false;
    rmSync(path, { force: true });
  }
}

/**
 * @param {object} options
 * @param {string} [options.base] folder of the profile and its lock
 * @param {() => void} [options.onWait] another run holds it: this one waits;
 * without it this one gets a profile of its own, which does not last
 */
export async function openProfile({ base = userCache(), onWait }) {
  mkdirSync(base, { recursive: true });
  const lock = join(base, "profile.lock");
  let told = false;
  while (!take(lock)) {
    if (onWait === undefined) return temporary();
    if (!told) onWait();
    told = true;
    await sleep(500);
  }
  const release = () => rmSync(lock, { force: true });
  process.once("exit", release);
  return {
    folder: join(base, "profile"),
    lasting: true,
    release: () => {
      process.off("exit", release);
      release();
    },
  };
}

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), "fast-vlm-"));
  const release = () =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return { folder, lasting: false, release };
}
