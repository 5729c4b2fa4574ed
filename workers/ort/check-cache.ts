import { database } from "../store/database";
import { KeyValueStore } from "../store/key-value-store";

const checks = new KeyValueStore<boolean>(database.table("checks"), 64);

/** The result of `check`, or that of an earlier load under the same `key`. Without
 * a key, nothing is stored. */
export async function checkOnce(
  key: string | undefined,
  check: () => Promise<boolean>,
): Promise<boolean> {
  if (key === undefined) return check();
  const earlier = await checks.get(key);
  if (earlier !== undefined) return earlier;
  const result = await check();
  await checks.set(key, result);
  return result;
}
