import { fileURLToPath } from "node:url";

const fromRoot = (path: string): string =>
  fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const root = fromRoot("");
export const dist = fromRoot("dist");
export const model = fromRoot("public/models/nano");
export const fixtures = fromRoot("e2e/fixtures");
/** Generated before the first test, not committed. */
export const clip = fromRoot(".cache/e2e/clip.y4m");
export const scratch = fromRoot(".cache/e2e");
