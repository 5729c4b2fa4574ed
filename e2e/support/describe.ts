import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtures, root, scratch } from "./paths.ts";
import { encodePng } from "./png.ts";
import { draw, scenes } from "./scenes.ts";

/** The working directory, outside of the repository. */
export const folder = join(scratch, "describe");

/** Writes valid and invalid images, and deletes stored models. */
export function prepare(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [index, scene] of scenes.entries()) {
    writeFileSync(
      join(folder, `${index}.png`),
      encodePng(draw(scene, 320, 240)),
    );
  }
  const jpeg = readFileSync(join(fixtures, "photo.jpg"));
  writeFileSync(join(folder, "photo.jpg"), jpeg);
  writeFileSync(join(folder, "cut.jpg"), jpeg.subarray(0, jpeg.length / 2));
  writeFileSync(join(folder, "notes.png"), "Milk, eggs, bread.\n");
}

interface Ended {
  readonly code: number | null;
  readonly out: string[];
  readonly err: string[];
}

const lines = (text: string): string[] =>
  text.split("\n").filter((line) => line !== "");

/** Starts `npm run describe`. */
export function start(...args: string[]) {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    XDG_CACHE_HOME: join(folder, "cache"),
  };
  delete env["npm_lifecycle_event"];
  const child = spawn(
    process.execPath,
    [join(root, "tools/cli/describe.mjs"), ...args],
    { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] },
  );
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, out: lines(out), err: lines(err) });
    });
  });
  return { child, ended };
}

export function describe(...args: string[]): Promise<Ended> {
  return start(...args).ended;
}
