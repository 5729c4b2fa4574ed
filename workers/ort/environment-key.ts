import { hashOf } from "../store/key-value-store";

/** Never the base of a `new URL`: bundlers would look for that file. */
const MODULE_URL = import.meta.url;

/**
 * A cache key for `facts`, this adapter, this browser and this build. Undefined
 * under the development server, where a changed file changes no key.
 */
export async function environmentKey(
  device: GPUDevice | undefined,
  ...facts: readonly unknown[]
): Promise<string | undefined> {
  if (import.meta.env.DEV) return undefined;
  const { vendor, architecture, description } = device?.adapterInfo ?? {};
  const adapter = [vendor, architecture, device?.adapterInfo.device];
  const features = [...(device?.features ?? [])].sort();
  // The hash in this file's name identifies the build, or else BUILD does.
  const build = [navigator.userAgent, MODULE_URL, import.meta.env.BUILD];
  return hashOf(facts, [...adapter, description, features], build);
}
