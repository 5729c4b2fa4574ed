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

test("is the same one after another, and another one meanwhile", async () => {
  const base = fresh();
  const first = await openProfile({ base });
  expect(first.lasting).toBe(true);
  const meanwhile = await openProfile({ base });
  expect(meanwhile.lasting).toBe(false);
  expect(meanwhile.folder).not.toBe(first.folder);
  meanwhile.release();
  expect(existsSync(meanwhile.folder)).toBe(false);
  first.release();
  const next = await openProfile({ base });
  expect(next.folder).toBe(first.folder);
  next.release();
});

test("is waited for by who needs what is in it, who says so once", async () => {
  const base = fresh();
  const first = await openProfile({ base });
  let told = 0;
  let there = false;
  const onWait = () => void told++;
  const second = openProfile({ base, onWait }).then((profile) => {
    there = true;
    return profile;
  });
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect([told, there]).toEqual([1, false]);
  first.release();
  const { lasting, release } = await second;
  expect(lasting).toBe(true);
  release();
});

test("is free when its holder has died", async () => {
  const base = fresh();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  writeFileSync(join(base, "profile.lock"), String(pid));
  const profile = await openProfile({ base });
  expect(profile.lasting).toBe(true);
  profile.release();
  expect(existsSync(join(base, "profile.lock"))).toBe(false);
});
