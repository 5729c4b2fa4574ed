// @ts-check
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { openProfile, userCache } from "./profile.mjs";

const fresh = () => mkdtempSync(join(tmpdir(), "profile-"));

test("is in the user's cache folder", () => {
  const chosen = { XDG_CACHE_HOME: "/somewhere" };
  expect(userCache(chosen, "linux")).toBe(join("/somewhere", "fast-vlm"));
  expect(userCache({}, "linux")).toBe(join(homedir(), ".cache", "fast-vlm"));
  expect(userCache({}, "darwin")).toContain("Caches");
  const windows = userCache({ LOCALAPPDATA: "local" }, "win32");
  expect(windows).toBe(join("local", "fast-vlm", "Cache"));
});

test("is shared by consecutive runs, and temporary for a concurrent one", async () => {
  const base = fresh();
  const first = await openProfile({ base });
  expect(first.persistent).toBe(true);
  const meanwhile = await openProfile({ base });
  expect(meanwhile.persistent).toBe(false);
  expect(meanwhile.folder).not.toBe(first.folder);
  meanwhile.release();
  expect(existsSync(meanwhile.folder)).toBe(false);
  first.release();
  const next = await openProfile({ base });
  expect(next.folder).toBe(first.folder);
  next.release();
});

test("waits for another run and reports it once", async () => {
  const base = fresh();
  const first = await openProfile({ base });
  let notices = 0;
  let opened = false;
  const onWait = () => void notices++;
  const second = openProfile({ base, onWait }).then((profile) => {
    opened = true;
    return profile;
  });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect([notices, opened]).toEqual([1, false]);
  first.release();
  const { persistent, release } = await second;
  expect(persistent).toBe(true);
  release();
});

test("is released when its owner has died", async () => {
  const base = fresh();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  writeFileSync(join(base, "profile.lock"), String(pid));
  const profile = await openProfile({ base });
  expect(profile.persistent).toBe(true);
  profile.release();
  expect(existsSync(join(base, "profile.lock"))).toBe(false);
});
