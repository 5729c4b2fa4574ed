// @ts-check
/** Finds a Chromium browser and defines its flags. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

const isRoot = process.getuid?.() === 0;

const commands = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "microsoft-edge",
  "microsoft-edge-stable",
];

/** @returns {string[]} */
function defaultPaths() {
  if (process.platform === "darwin") {
    return [
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ];
  }
  if (process.platform === "win32") {
    return ["LOCALAPPDATA", "PROGRAMFILES", "PROGRAMFILES(X86)"].flatMap(
      (name) => {
        const root = process.env[name];
        if (root === undefined) return [];
        return [
          join(root, "Chromium", "Application", "chrome.exe"),
          join(root, "Google", "Chrome", "Application", "chrome.exe"),
          join(root, "Microsoft", "Edge", "Application", "msedge.exe"),
        ];
      },
    );
  }
  const folders = (process.env["PATH"] ?? "/usr/bin").split(delimiter);
  return commands.flatMap((name) => folders.map((dir) => join(dir, name)));
}

/**
 * $CHROME_PATH, or a system browser, or Playwright's download.
 * @returns {Promise<string | undefined>}
 */
export async function findBrowser() {
  const chosen = process.env["CHROME_PATH"];
  if (chosen !== undefined && chosen !== "") {
    if (existsSync(chosen)) return chosen;
    throw new Error(`CHROME_PATH is ${chosen}, which does not exist.`);
  }
  const found = defaultPaths().find((path) => existsSync(path));
  if (found !== undefined) return found;
  const { chromium } = await import("playwright");
  const own = chromium.executablePath();
  return existsSync(own) ? own : undefined;
}

/** @returns {Promise<string>} */
export async function requireBrowser() {
  const path = await findBrowser();
  if (path !== undefined) return path;
  throw new Error(
    "No browser found. Install Chromium or Chrome, run `npx playwright install chromium`, or set CHROME_PATH.",
  );
}

/** @returns {string | undefined} $FIREFOX_PATH, or a system browser */
export function findFirefox() {
  const chosen = process.env["FIREFOX_PATH"];
  if (chosen !== undefined && chosen !== "") return chosen;
  const folders = (process.env["PATH"] ?? "/usr/bin").split(delimiter);
  return [
    ...folders.flatMap((dir) =>
      ["firefox", "firefox-esr"].map((name) => join(dir, name)),
    ),
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
  ].find((path) => existsSync(path));
}

/** Installs the distribution's package, as root on Debian. */
export function installBrowser() {
  if (!isRoot || !existsSync("/etc/debian_version")) return;
  // Ubuntu's package only installs a snap.
  if (/^ID=ubuntu/m.test(readFileSync("/etc/os-release", "utf8"))) return;
  for (const command of [
    ["update"],
    ["install", "-y", "--no-install-recommends", "chromium"],
  ]) {
    spawnSync("apt-get", command, {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
}

/** Whether a GPU is visible on Linux; other systems always have one. */
function hasGpu() {
  if (process.platform !== "linux") return true;
  if (existsSync("/dev/nvidia0")) return true;
  if (!existsSync("/dev/dri")) return false;
  return readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
}

export const commonFlags = [
  // Chromium's sandbox does not work as root.
  ...(isRoot ? ["--no-sandbox"] : []),
  // /dev/shm has only 64 MB in containers.
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
];

/**
 * WebGPU on the CPU. All flags are needed: without Vulkan the GPU process crashes
 * when a video frame is imported, and without `--disable-vulkan-surface` colours
 * are wrong.
 */
const softwareFlags = [
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
  "--ignore-gpu-blocklist",
  "--disable-vulkan-surface",
];

const hardwareFlags =
  process.platform === "linux"
    ? ["--enable-features=Vulkan", "--ignore-gpu-blocklist"]
    : [];

/** $CHROME_FLAGS, separated by spaces, choose the adapter instead of ours. */
const chosenFlags = process.env["CHROME_FLAGS"]?.split(/\s+/).filter(Boolean);

/** For tests: the same software adapter on every Linux machine. */
export const testFlags = [
  ...commonFlags,
  ...(chosenFlags ?? (process.platform === "linux" ? softwareFlags : [])),
];

/** For users: the GPU if there is one. */
export const useFlags = [
  ...commonFlags,
  ...(chosenFlags ?? (hasGpu() ? hardwareFlags : softwareFlags)),
];

/**
 * A fake camera that plays a .y4m file in a loop.
 * @param {string} clip absolute path
 * @param {{ refuse?: boolean }} [options] `refuse`: permission is not granted
 */
export function cameraFlags(clip, { refuse = false } = {}) {
  return [
    "--use-fake-device-for-media-stream",
    ...(refuse ? [] : ["--use-fake-ui-for-media-stream"]),
    `--use-file-for-fake-video-capture=${clip}`,
  ];
}
