const FILTERS = ["validation", "out-of-memory", "internal"] as const;

/** What goes wrong on the GPU from now on is told by `popScopes`. */
export function pushScopes(device: GPUDevice): void {
  for (const filter of FILTERS) device.pushErrorScope(filter);
}

export async function popScopes(
  device: GPUDevice,
): Promise<string | undefined> {
  const errors = await Promise.all(FILTERS.map(() => device.popErrorScope()));
  return errors.find((error) => error !== null)?.message;
}

/** What `make` made, and what the GPU then says of it. */
export async function watched<T>(
  device: GPUDevice,
  make: () => T,
): Promise<{ readonly made: T; readonly fault: string | undefined }> {
  pushScopes(device);
  let popped: Promise<string | undefined>;
  let made: T;
  try {
    made = make();
  } finally {
    popped = popScopes(device);
  }
  return { made, fault: await popped };
}
