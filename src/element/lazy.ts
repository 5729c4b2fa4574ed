import { lazyImport } from "../runtime/lazy-import";
import type * as Looking from "./looking";

let here: typeof Looking | undefined;

/** The rest of the element, if it is here already. */
export function lookingNow(): typeof Looking | undefined {
  return here;
}

/** The rest of the element. */
export async function looking(): Promise<typeof Looking> {
  here ??= await lazyImport(
    () => import("./looking"),
    "What looks at pictures",
  );
  return here;
}
