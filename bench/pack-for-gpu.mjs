// @ts-check
/**
 * Packs this clone, its packages, Node and the browser into one archive, so that
 * `bench/on-gpu.sh` runs on a Linux machine that has none of them and no network.
 * The machine needs a GPU with a Vulkan driver, glibc of this system's version or
 * newer, bash, tar and xz.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { requireBrowser } from "../tools/cli/browser.mjs";
import { command, readArguments, text } from "../tools/cli/command.mjs";
import {
  cache,
  ensureBuilt,
  ensureInstalled,
  root,
} from "../tools/cli/prepare.mjs";
import { formatBytes } from "../tools/cli/units.mjs";

const usage = `Usage: node bench/pack-for-gpu.mjs [options]

  --out DIR        folder of the archive (default .cache/gpu)
  --part-mb N      split the archive into files of N MB (default 60)`;

const { values } = readArguments("pack-for-gpu", usage, {
  out: { ...text, default: join(cache, "gpu") },
  "part-mb": { ...text, default: "60" },
});

/** Packages that no step of on-gpu.sh imports; together three quarters of the size. */
const unused = [
  ...["@arethetypeswrong", "@custom-elements-manifest", "@img", "@shikijs"],
  ...["@typescript-eslint", "axe-core", "eslint", "onnxruntime-node"],
  ...["prettier", "puppeteer-core", "sharp", "typedoc", "typescript"],
].map((name) => `node_modules/${name}`);

/** ONNX Runtime's other builds: large, and the bench imports none of them. */
const unusedFiles = [
  "node_modules/onnxruntime-web/dist/*.map",
  "node_modules/onnxruntime-web/dist/*.jsep.*",
  "node_modules/onnxruntime-web/dist/ort.all.*",
  "node_modules/onnxruntime-web/dist/ort.webgl.*",
];

/** They belong to the kernel and its loader, and have to be the machine's own. */
const glibc =
  /^(ld-linux|lib(c|m|dl|rt|pthread|resolv|util|mvec)\.so|linux-vdso)/;

/**
 * Copies the shared libraries of a program.
 * @param {string} program
 * @param {string} folder
 */
function copyLibraries(program, folder) {
  const list = execFileSync("ldd", [program], { encoding: "utf8" });
  for (const [, path = ""] of list.matchAll(/=> (\/\S+)/g)) {
    if (!glibc.test(basename(path))) {
      copyFileSync(realpathSync(path), join(folder, basename(path)));
    }
  }
}

/**
 * A launcher that finds the libraries beside it.
 * @param {string} path
 * @param {string} program relative to the launcher
 */
function writeLauncher(path, program) {
  const lines = [
    "#!/bin/sh",
    'here=$(cd "$(dirname "$0")" && pwd)',
    'export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"',
    'export FONTCONFIG_FILE="$here/fonts.conf"',
    `exec "$here/${program}" "$@"`,
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  chmodSync(path, 0o755);
}

/**
 * Node and the browser with their libraries and one font: a browser without any font
 * does not start.
 * @param {string} folder
 */
async function packPrograms(folder) {
  const lib = join(folder, "lib");
  mkdirSync(lib, { recursive: true });
  copyFileSync(realpathSync(process.execPath), join(folder, "node.bin"));
  copyLibraries(process.execPath, lib);
  writeLauncher(join(folder, "node"), "node.bin");

  const browser = findBinary(realpathSync(await requireBrowser()));
  const isUseless = /Validation|VkICD_mock|\.TOC$|locales\/(?!en-US)/i;
  cpSync(dirname(browser), join(folder, "browser"), {
    recursive: true,
    dereference: true,
    filter: (path) => !isUseless.test(path),
  });
  copyLibraries(browser, lib);
  for (const name of readdirSync(dirname(browser))) {
    if (/^lib.*\.so/.test(name) && !isUseless.test(name)) {
      copyLibraries(join(dirname(browser), name), lib);
    }
  }
  writeLauncher(join(folder, "chromium"), `browser/${basename(browser)}`);

  mkdirSync(join(folder, "fonts"));
  const font = execFileSync("fc-match", ["--format", "%{file}", "sans"], {
    encoding: "utf8",
  });
  copyFileSync(font, join(folder, "fonts", basename(font)));
  const fonts = '<dir prefix="relative">fonts</dir>';
  writeFileSync(
    join(folder, "fonts.conf"),
    `<?xml version="1.0"?>\n<fontconfig>${fonts}</fontconfig>\n`,
  );
}

/** Debian's command is a script beside no library.
 * @param {string} path */
function findBinary(path) {
  const debian = "/usr/lib/chromium/chromium";
  return path === "/usr/bin/chromium" && existsSync(debian) ? debian : path;
}

await command("pack-for-gpu", async () => {
  ensureInstalled();
  ensureBuilt();
  const out = resolve(values.out);
  const bytes = Number(values["part-mb"]) * 1e6;
  if (!(bytes > 0)) {
    throw new Error(
      `--part-mb must be a positive number, not ${values["part-mb"]}.`,
    );
  }
  rmSync(out, { recursive: true, force: true });
  const programs = join(out, "programs");
  await packPrograms(programs);
  const archive = join(out, "fast-vlm.tar.xz");
  console.error("Compressing; this takes minutes …");
  execFileSync(
    "tar",
    [
      // Times to the nanosecond: the stamp of the build compares them.
      ...["--create", "--xz", "--format=posix", `--file=${archive}`],
      ...[...unused, ...unusedFiles].map((name) => `--exclude=${name}`),
      ...[`--directory=${out}`, "programs", `--directory=${root}`],
      ...["--verbatim-files-from", "--null", "--files-from=-"],
    ],
    {
      input: [
        execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
          cwd: root,
          encoding: "utf8",
        }),
        "dist\0node_modules\0.cache/build-stamp\0",
      ].join(""),
      env: { ...process.env, XZ_OPT: "-6 -T0" },
      stdio: ["pipe", 2, 2],
    },
  );
  rmSync(programs, { recursive: true });
  copyFileSync(join(root, "bench/on-gpu.sh"), join(out, "on-gpu.sh"));
  const { size } = statSync(archive);
  execFileSync("split", [
    ...["--bytes", String(bytes), "--numeric-suffixes", archive, `${archive}.`],
  ]);
  rmSync(archive);
  console.log(
    `${out}: ${formatBytes(size)}. Run on the machine: bash on-gpu.sh`,
  );
});
