// @ts-check
/**
 * The browser profile, which stores downloaded models and accepted licences. One run
 * at a time can use it.
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

/** The user's cache folder. */
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
    // The process belongs to another user.
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** Tries to create the lock file. @param {string} path */
function acquire(path) {
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: "wx" });
      return true;
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error);
      if (code !== "EEXIST") throw error;
    }
    const holder = Number(readFileSync(path, "utf8"));
    // An empty file is being written.
    if (holder === 0 || isAlive(holder)) return false;
    rmSync(path, { force: true });
  }
}

/**
 * @param {object} options
 * @param {string} [options.base] folder of the profile and its lock file
 * @param {() => void} [options.onWait] called before waiting for another run;
 * without it, a temporary profile is used instead
 */
export async function openProfile({ base = userCache(), onWait }) {
  mkdirSync(base, { recursive: true });
  const lock = join(base, "profile.lock");
  let notified = false;
  while (!acquire(lock)) {
    if (onWait === undefined) return temporary();
    if (!notified) onWait();
    notified = true;
    await sleep(500);
  }
  const release = () => rmSync(lock, { force: true });
  process.once("exit", release);
  return {
    folder: join(base, "profile"),
    persistent: true,
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
  return { folder, persistent: false, release };
}
