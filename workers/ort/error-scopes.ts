const FILTERS = ["validation", "out-of-memory", "internal"] as const;

/** Opens error scopes for all kinds of GPU errors; close them with `popScopes`. */
export function pushScopes(device: GPUDevice): void {
  for (const filter of FILTERS) device.pushErrorScope(filter);
}

/** Resolves with the first error since `pushScopes`. */
export async function popScopes(
  device: GPUDevice,
): Promise<GPUError | undefined> {
  const errors = await Promise.all(FILTERS.map(() => device.popErrorScope()));
  return errors.find((error) => error !== null);
}

/** The result of `work`, and later the GPU error that it caused. */
export function withErrorScopes<T>(
  device: GPUDevice,
  work: () => T,
): { readonly result: T; readonly error: Promise<GPUError | undefined> } {
  pushScopes(device);
  try {
    return { result: work(), error: popScopes(device) };
  } catch (error) {
    popScopes(device).catch(() => undefined);
    throw error;
  }
}

/** The result of `work` and the GPU error that occurred until it settled. */
export async function withErrorScopesAsync<T>(
  device: GPUDevice,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly error: GPUError | undefined }> {
  pushScopes(device);
  try {
    return { result: await work(), error: await popScopes(device) };
  } catch (error) {
    popScopes(device).catch(() => undefined);
    throw error;
  }
}
