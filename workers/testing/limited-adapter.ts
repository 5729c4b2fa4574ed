import { vi } from "vitest";

/** Makes the browser's adapters report these lower limits, so that devices are
 * created with them. `vi.restoreAllMocks` ends it. */
export function limitAdapters(lower: Readonly<Record<string, number>>): void {
  const { gpu } = navigator;
  const request = gpu.requestAdapter.bind(gpu);
  vi.spyOn(gpu, "requestAdapter").mockImplementation(async (options) => {
    const adapter = await request(options);
    if (adapter === null) return null;
    const limits = overriding(adapter.limits, lower);
    return overriding(adapter, { limits });
  });
}

/** `object` with some properties replaced; its methods still get the original. */
function overriding<T extends object>(
  object: T,
  replaced: Readonly<Record<string, unknown>>,
): T {
  return new Proxy(object, {
    get(target, key): unknown {
      if (Object.hasOwn(replaced, key)) return replaced[key as string];
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
