import { expect, test } from "vitest";
import { Api } from "../api";
import { loadOptions, options, picture } from "../testing/harness";

// Before anything imports the runtime: what Safari lacks.
Reflect.deleteProperty(WebAssembly, "Suspending");

test("without JSPI the asyncify build runs, and alone is fetched", async () => {
  const api = new Api();
  await api.load({ ...loadOptions, device: "webgpu" });
  const answer = await api.describe([await picture()], options);
  expect(answer.tokenIds).toHaveLength(12);
  await api.dispose();
  const fetched = performance
    .getEntriesByType("resource")
    .map(({ name }) => name)
    // The development server's modules that hold only an address end so.
    .filter((name) => name.includes("ort-wasm") && !name.endsWith("url"));
  expect(fetched.some((name) => name.includes("asyncify.wasm"))).toBe(true);
  expect(fetched.filter((name) => name.includes("jspi"))).toEqual([]);
});
