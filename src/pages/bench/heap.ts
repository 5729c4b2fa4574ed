interface Breakdown {
  readonly bytes: number;
  readonly attribution: readonly { readonly scope: string }[];
}

/** Bytes of the JavaScript heap by kind of thread. */
interface Heap {
  readonly page: number;
  readonly workers: number;
}

/** The browser collects garbage first, which takes a while. */
const timeout = 120_000;

/** Undefined if the browser does not support it. */
export async function measureHeap(): Promise<Heap | undefined> {
  const measure: unknown = Reflect.get(
    performance,
    "measureUserAgentSpecificMemory",
  );
  if (typeof measure !== "function" || !crossOriginIsolated) return undefined;
  const late = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), timeout);
  });
  const measurement = Reflect.apply(measure, performance, []) as Promise<{
    breakdown: readonly Breakdown[];
  }>;
  const result = await Promise.race([measurement.catch(() => undefined), late]);
  if (result === undefined) return undefined;
  const heap = { page: 0, workers: 0 };
  for (const { bytes, attribution } of result.breakdown) {
    const worker = attribution.some(({ scope }) => scope.includes("Worker"));
    heap[worker ? "workers" : "page"] += bytes;
  }
  return heap;
}
