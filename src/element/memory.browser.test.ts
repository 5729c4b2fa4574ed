import { expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import { FakeVlm, fakeWorker } from "../testing/fake-worker";
import { solidCanvas } from "../testing/images";
import "./define";

/** As Playwright gives it. */
interface Devtools {
  send(method: string): Promise<unknown>;
}

/** Lives longer than the elements that it can stop. */
const { signal } = new AbortController();

/** An element that was removed while it captioned live. */
async function removedElement(): Promise<WeakRef<object>> {
  const vlm = document.createElement("fast-vlm");
  const worker = (): Worker => fakeWorker(new FakeVlm({ pace: 5 }));
  const model = "/models/fake";
  Object.assign(vlm, { model, for: "it", live: true, worker, signal });
  document.body.append(vlm);
  await vlm.start();
  await vi.waitFor(() => expect(vlm.state).toBe("speaking"));
  vlm.remove();
  return new WeakRef(vlm);
}

test("removed elements are garbage-collected", async () => {
  const canvas = solidCanvas();
  canvas.id = "it";
  document.body.append(canvas);
  const gone: WeakRef<object>[] = [];
  for (let each = 0; each < 5; each += 1) gone.push(await removedElement());
  await vi.waitFor(async () => {
    await (cdp() as unknown as Devtools).send("HeapProfiler.collectGarbage");
    expect(gone.filter((element) => element.deref())).toEqual([]);
  });
  canvas.remove();
});
