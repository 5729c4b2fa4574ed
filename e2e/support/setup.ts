import { ensureBuilt } from "../../tools/cli/prepare.mjs";
import { writeClip } from "./clip.ts";
import { clip } from "./paths.ts";

export default function setup(): void {
  ensureBuilt();
  writeClip(clip);
}
