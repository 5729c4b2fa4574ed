const FILTERS = ["validation", "out-of-memory", "internal"] as const;

/** What goes wrong on the GPU from now on is told by `popScopes`. */
export function pushScopes(device: GPUDevice): void {
  for (const filter of FILTERS) device.pushErrorScope(filter);
}

export async function popScopes(
  device: GPUDevice,
): Promise<GPUError | undefined> {
  const errors = await Promise.all(FILTERS.map(() => device.popErrorScope()));
  return errors.find((error) => error !== null);
}

/** What `make` made, and what the GPU said while it did. */
export async function watchedAll<T>(
  device: GPUDevice,
  make: () => Promise<T>,
): Promise<{ readonly made: T; readonly fault: GPUError | undefined }> {
  pushScopes(device);
  try {
    return { made: await make(), fault: await popScopes(device) };
  } catch (error) {
    popScopes(device).catch(() => undefined);
    throw error;
  }
}

/** What `make` made, and what the GPU will say of it. */
export function watched<T>(
  device: GPUDevice,
  make: () => T,
): { readonly made: T; readonly fault: Promise<GPUError | undefined> } {
  pushScopes(device);
  try {
    return { made: make(), fault: popScopes(device) };
  } catch (error) {
    popScopes(device).catch(() => undefined);
    throw error;
  }
}
