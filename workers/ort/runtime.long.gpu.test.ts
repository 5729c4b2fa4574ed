import { releaseProxy, transfer, transferHandlers, wrap } from "comlink";
import { expect, test } from "vitest";
import type { VlmWorker } from "../../src/shared/protocol";
import { transferErrors } from "../../src/shared/error-transfer";
import { loadOptions, options, testImage } from "../testing/harness";

test.each(["wasm", "webgpu"] as const)(
  "describes an image on %s without JSPI",
  async (device) => {
    transferErrors(transferHandlers);
    const worker = new Worker(
      new URL("../testing/asyncify.worker.ts", import.meta.url),
      { type: "module" },
    );
    const api = wrap<VlmWorker>(worker);
    const { device: used } = await api.load({ ...loadOptions, device });
    expect(used).toBe(device);
    const frame = await testImage();
    const answer = await api.generate(1, transfer([frame], [frame]), options);
    expect(answer.tokenIds).toHaveLength(12);
    await api.dispose();
    api[releaseProxy]();
    worker.terminate();
  },
);
