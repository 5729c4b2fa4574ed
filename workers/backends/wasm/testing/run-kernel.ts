import { defined } from "../../../util/assert";
import type { KernelName } from "../kernels";
import { openKernels } from "./open-kernels";

/** Runs items `begin` to `end` of a kernel. Its arguments are numbers, or arrays, which
 * are copied to memory and back. */
export async function runKernel(
  name: KernelName,
  relaxed: boolean,
  args: readonly (Float32Array | number)[],
  begin: number,
  end: number,
): Promise<void> {
  const { memory, pool } = await openKernels(relaxed);
  const addresses = new Map<Float32Array, number>();
  for (const array of args) {
    if (typeof array === "number" || addresses.has(array)) continue;
    const address = memory.allocate(array.byteLength);
    addresses.set(array, address);
    memory.floats(address, array.length).set(array);
  }
  const values = args.map((argument) =>
    typeof argument === "number"
      ? argument
      : defined(addresses.get(argument), "address"),
  );
  const kernel: (...numbers: number[]) => void = pool.kernels[name];
  kernel(...values, begin, end);
  for (const [array, address] of addresses) {
    array.set(memory.floats(address, array.length));
  }
}
