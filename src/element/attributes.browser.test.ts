import { beforeEach, describe, expect, test, vi } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { requestDefaults } from "../shared/options";
import { FakeVlm, fakeWorker } from "../testing/fake-worker";
import { Mounted } from "../testing/mounted";
import "./define";

/** Not yet in TypeScript's own list. */
interface Mover {
  moveBefore(node: Node, child: Node | null): void;
}

let camera: FakeCamera;
let mounted: Mounted;

beforeEach(() => (camera = new FakeCamera()));

const loads = (): number =>
  mounted.fake.calls.filter((call) => call.startsWith("load")).length;

test("an element sets no attributes by itself", async () => {
  mounted = new Mounted();
  const element = document.createElement("fast-vlm");
  document.body.append(element);
  await element.updateComplete;
  expect(element.getAttributeNames()).toEqual([]);
  element.remove();
});

test("attributes and session options have the same defaults", () => {
  expect(document.createElement("fast-vlm")).toMatchObject(requestDefaults);
});

test("removing an attribute restores its default", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const given = { prompt: "What?", size: "512", "max-tokens": "9", live: "" };
  for (const [name, value] of Object.entries(given)) {
    vlm.setAttribute(name, value);
  }
  await vlm.updateComplete;
  expect(vlm).toMatchObject({ prompt: "What?", size: 512, maxTokens: 9 });
  for (const name of Object.keys(given)) vlm.removeAttribute(name);
  await vlm.updateComplete;
  const { prompt, size, maxTokens, live } = vlm;
  expect({ prompt, size, maxTokens, live }).toEqual({
    ...{ prompt: "Describe the image.", size: 0, maxTokens: 128, live: false },
  });
});

test.each([undefined, null])(
  "setting a property to %s restores its default",
  async (none) => {
    mounted = new Mounted();
    const { vlm } = mounted;
    const given = {
      prompt: "What?",
      size: 512,
      source: "camera",
      sampling: {},
    };
    Object.assign(vlm, given);
    await vlm.updateComplete;
    for (const name of Object.keys(given)) Reflect.set(vlm, name, none);
    await vlm.updateComplete;
    const { prompt, size, source } = vlm;
    expect({ prompt, size, source }).toEqual({
      ...{ prompt: "Describe the image.", size: 0, source: "none" },
    });
  },
);

test("properties set before the element is defined are kept", async () => {
  mounted = new Mounted();
  const fake = new FakeVlm();
  // As a framework does, on an element that is not upgraded yet.
  const doc = document.implementation.createHTMLDocument();
  const early = doc.createElement("fast-vlm");
  const given = { worker: () => fakeWorker(fake), model: "/models/early" };
  Object.assign(early, given, { sampling: { seed: 3 }, loading: "eager" });
  document.body.append(early);
  await vi.waitFor(() => expect(fake.calls.join()).toMatch(/load .*early/));
  expect(early).toMatchObject({ sampling: { seed: 3 } });
  early.remove();
});

describe("while captions are live", () => {
  beforeEach(async () => {
    mounted = new Mounted({ pace: 2 });
    mounted.vlm.source = "camera";
    mounted.vlm.live = true;
    await mounted.vlm.start();
    await mounted.captions(1);
  });

  test("a changed prompt, size and max-tokens apply from the next frame", async () => {
    const { vlm, fake } = mounted;
    Object.assign(vlm, { prompt: "Read it.", size: 512, maxTokens: 3 });
    await vi.waitFor(() =>
      expect(fake.asked.at(-1)).toMatchObject({
        messages: [{ text: "Read it." }],
        ...{ size: 512, maxTokens: 3 },
      }),
    );
    expect(camera.asked).toHaveLength(1);
  });

  test("an invalid attribute is reported; captions continue once it is valid", async () => {
    const { vlm } = mounted;
    vlm.setAttribute("size", "100");
    await vi.waitFor(() => expect(mounted.detailsOf("error")).toHaveLength(3));
    expect(vlm.state).toBe("failed");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(mounted.detailsOf("error")).toHaveLength(3);
    const { length } = mounted.detailsOf("caption");
    vlm.setAttribute("size", "256");
    await mounted.captions(length + 2);
    expect(vlm.error).toBeUndefined();
  });

  test("captions continue while another model loads", async () => {
    const { vlm, fake } = mounted;
    fake.script = { ...fake.script, info: { name: "other" } };
    let finish = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (finish = resolve));
    const load = fake.load.bind(fake);
    fake.load = async (options) => {
      const info = await load(options);
      await arrived;
      return info;
    };
    vlm.model = "/models/other";
    await vi.waitFor(() => expect(loads()).toBe(2));
    await mounted.captions(mounted.detailsOf("caption").length + 3);
    expect(vlm.info?.name).toBe("fake");
    finish();
    await vi.waitFor(() => expect(vlm.info?.name).toBe("other"));
    await mounted.captions(mounted.detailsOf("caption").length + 1);
    expect(loads()).toBe(2);
  });

  test("an invalid model is reported once, and captions continue", async () => {
    const { vlm } = mounted;
    vlm.model = "no such";
    await vi.waitFor(() => expect(mounted.detailsOf("error")).not.toEqual([]));
    const told = mounted.detailsOf("error").map(({ code }) => code);
    expect(new Set(told)).toEqual(new Set(["bad-option"]));
    vlm.model = "/models/fake";
    await mounted.captions(mounted.detailsOf("caption").length + 2);
    expect(vlm.error).toBeUndefined();
  });

  test("removing the attribute source closes the source", async () => {
    mounted.vlm.removeAttribute("source");
    await vi.waitFor(() => expect(mounted.vlm.open).toBe(false));
    expect(camera.track.readyState).toBe("ended");
    expect(mounted.detailsOf("error")).toEqual([]);
  });

  test("the error of an unknown facing lists the valid ones", async () => {
    mounted.vlm.setAttribute("facing", "sideways");
    await vi.waitFor(() =>
      expect(mounted.detailsOf("error")[0]).toMatchObject({
        code: "bad-option",
        message: "facing must be one of user, environment, not “sideways”.",
      }),
    );
  });

  test("the error of an unknown source lists the valid ones", async () => {
    mounted.vlm.setAttribute("source", "telescope");
    await vi.waitFor(() =>
      expect(mounted.detailsOf("error")[0]).toMatchObject({
        code: "bad-option",
        message: expect.stringContaining("camera, screen") as string,
      }),
    );
    expect(mounted.vlm.open).toBe(false);
  });

  test("captions continue when the element is moved, and its camera stops when it is removed", async () => {
    const { vlm } = mounted;
    const elsewhere = document.createElement("div");
    document.body.append(elsewhere);
    elsewhere.append(vlm);
    await mounted.captions(mounted.detailsOf("caption").length + 2);
    expect(camera.asked).toHaveLength(1);
    elsewhere.remove();
    await vi.waitFor(() => expect(camera.track.readyState).toBe("ended"));
    expect(vlm.state).toBe("idle");
    // It can be used again.
    document.body.append(vlm);
    await vlm.start();
    await mounted.captions(mounted.detailsOf("caption").length + 1);
  });

  test.skipIf(!("moveBefore" in document.body))(
    "moveBefore does not disconnect the element",
    async () => {
      const { vlm } = mounted;
      const disconnected = vi.spyOn(vlm, "disconnectedCallback");
      const elsewhere = document.createElement("div");
      document.body.append(elsewhere);
      (elsewhere as unknown as Mover).moveBefore(vlm, null);
      await mounted.captions(mounted.detailsOf("caption").length + 2);
      expect(disconnected).not.toHaveBeenCalled();
      expect(camera.asked).toHaveLength(1);
    },
  );

  test("an aborted signal stops the element and prevents a start", async () => {
    const { vlm } = mounted;
    const controller = new AbortController();
    vlm.signal = controller.signal;
    await vlm.updateComplete;
    controller.abort();
    expect(vlm.open).toBe(false);
    for (const call of [vlm.start(), vlm.ask("What?"), vlm.load()]) {
      await expect(call).rejects.toMatchObject({ code: "aborted" });
    }
    expect(mounted.detailsOf("error")).toEqual([]);
    vlm.signal = undefined;
    await vlm.start();
    expect(vlm.open).toBe(true);
  });
});

describe("when the model is loaded", () => {
  test("loading=eager loads at once, and again when the model changes", async () => {
    mounted = new Mounted();
    const { vlm } = mounted;
    vlm.loading = "eager";
    await mounted.reaches("ready");
    vlm.model = "/models/other";
    await vi.waitFor(() => expect(loads()).toBe(2));
  });

  test("loading=eager loads again when the element is added again", async () => {
    mounted = new Mounted();
    const { vlm } = mounted;
    vlm.loading = "eager";
    await mounted.reaches("ready");
    vlm.remove();
    await mounted.reaches("idle");
    document.body.append(vlm);
    await mounted.reaches("ready");
  });

  test("loading=visible loads when the element is in the viewport", async () => {
    mounted = new Mounted();
    const { vlm } = mounted;
    const far = document.createElement("div");
    far.style.marginBlockStart = "300vh";
    document.body.append(far);
    far.append(vlm);
    vlm.loading = "visible";
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(mounted.fake.calls).toEqual([]);
    vlm.scrollIntoView();
    await mounted.reaches("ready");
    far.remove();
  });

  test("a failed load is reported once", async () => {
    mounted = new Mounted();
    const { vlm } = mounted;
    vlm.dtype = "fp64";
    vlm.loading = "eager";
    await vi.waitFor(() => expect(mounted.detailsOf("error")).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(mounted.detailsOf("error")).toHaveLength(1);
  });

  test("removing the element cancels its load", async () => {
    mounted = new Mounted({ pace: 20 });
    const { vlm } = mounted;
    const loading = vlm.load();
    await vi.waitFor(() => expect(vlm.progress).toBeDefined());
    vlm.remove();
    await expect(loading).rejects.toMatchObject({ code: "aborted" });
    expect(vlm.state).toBe("idle");
    expect(mounted.detailsOf("error")).toEqual([]);
  });
});
