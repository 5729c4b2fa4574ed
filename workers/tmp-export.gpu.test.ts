import { expect, test } from "vitest";
import { loadModel } from "./load";
import { describe as answer } from "./pipeline";
import { options } from "./testing/harness";
test("t", async () => {
  const never = new AbortController().signal;
  const t0 = performance.now();
  const model = await loadModel(
    {
      model: new URL("/models/nano/", location.href).href,
      device: "webgpu",
      dtype: "fp32",
    },
    never,
    () => undefined,
  );
  const out: unknown[] = [performance.now() - t0];
  for (let i = 0; i < 3; i++) {
    const r = await fetch("/e2e/fixtures/scenes/0000.png");
    const a = await answer(
      model,
      await createImageBitmap(await r.blob()),
      { ...options, maxTokens: 4 },
      never,
      () => undefined,
    );
    out.push(a.timings);
  }
  await model.release();
  console.log(JSON.stringify(out));
  expect(1).toBe(1);
}, 400000);
