import { afterEach, expect, test, vi, type Mock } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { FakeVlm, fakeWorker } from "../testing/fake-worker";
import "./define";

type Vlm = HTMLElementTagNameMap["fast-vlm"];

afterEach(() => document.body.replaceChildren());

/** Elements of one page, with one way to start workers. */
function several(count: number): {
  readonly elements: Vlm[];
  readonly fake: FakeVlm;
  /** Calls of `terminate`, for each worker. */
  readonly ends: Mock[];
} {
  const fake = new FakeVlm({ pace: 2 });
  const ends: Mock[] = [];
  const worker = (): Worker => {
    const started = fakeWorker(fake);
    ends.push(vi.spyOn(started, "terminate"));
    return started;
  };
  const elements = Array.from({ length: count }, () => {
    const element = document.createElement("fast-vlm");
    Object.assign(element, { model: "/models/fake", worker });
    document.body.append(element);
    return element;
  });
  return { elements, fake, ends };
}

test("elements share a worker and a model until the last one is removed", async () => {
  const { elements, fake, ends } = several(2);
  await Promise.all(elements.map((element) => element.load()));
  expect(ends).toHaveLength(1);
  expect(fake.calls.filter((call) => call.startsWith("load"))).toHaveLength(1);
  const [first, second] = elements;
  first?.remove();
  await vi.waitFor(() => expect(first?.state).toBe("idle"));
  expect(second?.state).toBe("ready");
  expect(ends[0]).not.toHaveBeenCalled();
  second?.remove();
  await vi.waitFor(() => expect(ends[0]).toHaveBeenCalledOnce());
});

test("ten live elements take turns", async () => {
  new FakeCamera();
  const { elements, ends } = several(10);
  const counts = elements.map((element) => {
    const heard = vi.fn();
    element.addEventListener("caption", heard);
    Object.assign(element, { source: "camera", live: true });
    return heard;
  });
  await Promise.all(elements.map((element) => element.start()));
  await vi.waitFor(() =>
    counts.forEach((heard) =>
      expect(heard.mock.calls.length).toBeGreaterThanOrEqual(3),
    ),
  );
  const times = counts.map((heard) => heard.mock.calls.length);
  expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(2);
  expect(ends).toHaveLength(1);
  document.body.replaceChildren();
  await vi.waitFor(() => expect(ends[0]).toHaveBeenCalled());
});

test("ask is answered while another element captions live", async () => {
  new FakeCamera();
  const { elements } = several(2);
  const [busy, asking] = elements;
  Object.assign(busy ?? {}, { source: "camera", live: true });
  await busy?.start();
  const source = await new OffscreenCanvas(8, 8)
    .getContext("2d")
    ?.canvas.convertToBlob();
  const answer = await asking?.ask("What?", { source });
  expect(answer?.finish).toBe("stop");
  expect(busy?.open).toBe(true);
  document.body.replaceChildren();
});
