import { expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import { FakeVlm, fakeWorker } from "../testing/fake-worker";
import { solidCanvas } from "../testing/images";
import "./define";

/** As Playwright gives it. */
interface Devtools {
  send(method: string): Promise<unknown>;
}

/** Live until it is taken out, while a question is on its way. */
async function cameAndWent(): Promise<WeakRef<object>> {
  const vlm = document.createElement("fast-vlm");
  const worker = (): Worker => fakeWorker(new FakeVlm({ pace: 5 }));
  Object.assign(vlm, { model: "/models/fake", for: "it", live: true, worker });
  document.body.append(vlm);
  await vlm.start();
  await vi.waitFor(() => expect(vlm.state).toBe("speaking"));
  vlm.remove();
  return new WeakRef(vlm);
}

test("of elements that were taken out nothing is left", async () => {
  const canvas = solidCanvas();
  canvas.id = "it";
  document.body.append(canvas);
  const gone: WeakRef<object>[] = [];
  for (let each = 0; each < 5; each += 1) gone.push(await cameAndWent());
  await vi.waitFor(async () => {
    await (cdp() as unknown as Devtools).send("HeapProfiler.collectGarbage");
    expect(gone.filter((element) => element.deref())).toEqual([]);
  });
  canvas.remove();
});
