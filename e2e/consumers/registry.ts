import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { pack } from "../../tools/cli/package/pack.mjs";
import { npm } from "../../tools/cli/prepare.mjs";
import { captionOf, expectScene } from "../support/consumer.ts";
import { root, scratch } from "../support/paths.ts";
import { expect, test as base, troublesOf } from "../support/test.ts";

const reachable = npm(["ping"], { cwd: root }).ok;

/** The packed package, and a folder for projects that install it. */
export interface Packed {
  /** Outside of this repository, so that none of its packages are found. */
  readonly folder: string;
  readonly tarball: string;
}

/** Playwright's `test` with the packed package; skipped without a registry. */
export const test = base.extend<object, { readonly packed: Packed }>({
  packed: [
    // Playwright reads the names of what a fixture uses from this pattern.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      base.skip(!reachable, "The npm registry cannot be reached.");
      const folder = mkdtempSync(join(tmpdir(), "fast-vlm-"));
      await use({ folder, tarball: pack(join(folder, "packed")) });
      rmSync(folder, { recursive: true, force: true });
    },
    { scope: "worker" },
  ],
});

export { expect };

/** Runs npm in a folder. */
export function run(folder: string, ...args: readonly string[]): void {
  const { ok, output } = npm(args, { cwd: folder });
  expect(ok, output).toBe(true);
}

export async function expectCaption(
  page: Page,
  name: string,
  url: string,
): Promise<void> {
  const troubles = troublesOf(page);
  await page.goto(url);
  expectScene(await captionOf(page));
  expect(troubles).toEqual([]);
  await page.screenshot({ path: join(scratch, `consumer-${name}.png`) });
}
