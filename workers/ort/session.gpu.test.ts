import { expect, test } from "vitest";
import { chainOfOnes } from "../testing/chain";
import type { Report, Task } from "../testing/weights.worker";

const MB = 2 ** 20;

async function report(task: Task): Promise<Report> {
  const worker = new Worker(
    new URL("../testing/weights.worker.ts", import.meta.url),
    { type: "module" },
  );
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(task);
    });
    if (typeof answer === "string") throw new Error(answer);
    return answer as Report;
  } finally {
    worker.terminate();
  }
}

const layers = 8;
const width = 1024;
const LARGEST = width * width * 4;

/** Memory of ORT itself, including the growth steps of its heap. */
const RUNTIME = 8 * MB;

for (const device of ["wasm", "webgpu"] as const) {
  for (const jspi of [true, false]) {
    const build = jspi ? "jspi" : "asyncify";
    test(`holds one copy of the weights and the largest twice: ${device}, ${build}`, async () => {
      const task = { device, jspi, layers, width };
      const { before, peak, bytes, output, builds } = await report(task);
      const held = peak.total - before.gpu - before.wasm;
      expect(held).toBeGreaterThan(bytes - MB);
      expect(held).toBeLessThan(bytes + LARGEST + RUNTIME);
      // On a GPU the weights do not pass through the heap.
      if (device === "webgpu") expect(peak.wasm).toBe(before.wasm);
      expect(builds).toEqual([expect.stringContaining(build)]);
      const wanted = chainOfOnes(layers, width);
      const largestValue = Math.max(...wanted);
      for (const [i, value] of wanted.entries()) {
        expect(
          Math.abs((output[i] ?? NaN) - value) / largestValue,
        ).toBeLessThan(1e-5);
      }
    });
  }
}
