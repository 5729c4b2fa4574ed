import { beforeEach, expect, test, vi } from "vitest";
import { noProgress } from "../shared/protocol";
import { VlmError } from "../shared/errors";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import "./define";

let camera: FakeCamera;
let mounted: Mounted;

beforeEach(() => (camera = new FakeCamera()));

test("live: each caption is about a newer frame", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(3);
  vlm.stop();
  const times = mounted.detailsOf("caption").map(({ time }) => time);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  expect(camera.track.readyState).toBe("ended");
  await vi.waitFor(() => expect(vlm.state).toBe("ready"));
  const { length } = mounted.detailsOf("token");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(mounted.detailsOf("token").length - length).toBeLessThanOrEqual(1);
});

test("live: changing camera opens the other one", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  expect(camera.asked).toHaveLength(1);
  vlm.camera = "another";
  await vi.waitFor(() => expect(camera.asked).toHaveLength(2));
  expect(camera.asked[1]?.video).toMatchObject({
    deviceId: { exact: "another" },
  });
  await mounted.captions(1);
});

test("live can be switched on and off while the camera is open", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vlm.source = "camera";
  await vlm.start();
  expect(vlm.state).toBe("ready");
  vlm.live = true;
  await mounted.captions(2);
  vlm.live = false;
  await vi.waitFor(() => expect(vlm.state).toBe("ready"));
  expect(camera.track.readyState).toBe("live");
});

test("live: a changed prompt applies from the next frame", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  vlm.prompt = "Read the text.";
  await vi.waitFor(() =>
    expect(mounted.fake.calls.at(-1)).toBe("generate Read the text."),
  );
});

test("live: a failed frame is reported, and the next one captioned", async () => {
  const error = new VlmError("out-of-memory", "Too big.", "Smaller.");
  mounted = new Mounted({ pace: 5, runErrors: { 1: error } });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  expect(mounted.detailsOf("error")[0]).toMatchObject({
    code: "out-of-memory",
  });
  expect(vlm.error).toBeUndefined();
});

test("live: captions continue while another model loads", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm, fake } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  let finish = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (finish = resolve));
  const load = fake.load.bind(fake);
  fake.load = async (options) => {
    fake.send({ ...noProgress, total: 100 });
    await arrived;
    return { ...(await load(options)), name: "another" };
  };
  vlm.model = "nano";
  const loading = vlm.load();
  await vi.waitFor(() => expect(vlm.progress?.total).toBe(100));
  const { length } = mounted.detailsOf("caption");
  await mounted.captions(length + 2);
  expect(vlm.state).toBe("loading");
  expect(vlm.info?.name).toBe("fake");
  finish();
  await loading;
  await mounted.captions(mounted.detailsOf("caption").length + 1);
  expect(vlm.info?.name).toBe("another");
});

test("live: captions start when a failed load succeeds later", async () => {
  const loadError = new VlmError("offline", "No network.", "Connect.");
  mounted = new Mounted({ pace: 5, loadError });
  const { vlm, fake } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await expect(vlm.start()).rejects.toMatchObject({ code: "offline" });
  Reflect.deleteProperty(fake.script, "loadError");
  await vlm.load();
  await mounted.captions(2);
});

test("ask about a frozen frame twice, then resume", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vlm.source = "camera";
  await vlm.start();
  expect(vlm.state).toBe("ready");
  await vlm.freeze();
  expect(vlm.state).toBe("paused");
  expect(vlm.frozen).toBe(true);
  await vlm.ask();
  await vlm.ask("How many?");
  expect(vlm.state).toBe("paused");
  vlm.resume();
  expect(vlm.frozen).toBe(false);
  expect(vlm.state).toBe("ready");
});

test("a busy camera is reported, and captions start when it is free", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  camera.refusal = new DOMException("busy", "NotReadableError");
  vlm.source = "camera";
  vlm.live = true;
  await expect(vlm.start()).rejects.toMatchObject({ code: "camera-busy" });
  await vi.waitFor(() => expect(vlm.state).toBe("failed"));
  expect(mounted.part("freeze")).toHaveProperty("disabled", true);
  camera.refusal = undefined;
  await mounted.captions(1);
  expect(mounted.part("freeze")).toHaveProperty("disabled", false);
  expect(vlm.error).toBeUndefined();
});

test("captions pause while the page is hidden", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  const show = (hidden: boolean): void => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  show(true);
  await vi.waitFor(() => expect(vlm.state).toBe("paused"));
  const { length } = mounted.detailsOf("frame");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(mounted.detailsOf("frame").length - length).toBeLessThanOrEqual(1);
  show(false);
  await mounted.captions(length + 2);
  expect(vlm.state).not.toBe("paused");
  vi.restoreAllMocks();
});

test("with while-hidden, captions go on while the page is hidden", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  vlm.setAttribute("while-hidden", "");
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(2);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(vlm.state).not.toBe("paused");
  vi.restoreAllMocks();
});

test('live="changes" captions only frames that differ', async () => {
  mounted = new Mounted({ pace: 2, unchanged: true });
  const { vlm, fake } = mounted;
  vlm.setAttribute("live", "changes");
  await vlm.updateComplete;
  expect(vlm.live).toBe("changes");
  vlm.source = "camera";
  await vlm.start();
  await mounted.captions(1);
  await vi.waitFor(() => expect(fake.asked.length).toBeGreaterThan(3));
  // Frames without a change are not reported.
  expect(mounted.detailsOf("caption")).toHaveLength(1);
  expect(mounted.detailsOf("frame")).toHaveLength(1);
  fake.script = { ...fake.script, unchanged: false };
  await mounted.captions(2);
  vlm.live = false;
  await vlm.updateComplete;
  expect(vlm.hasAttribute("live")).toBe(false);
});

test("the end of screen sharing closes the source and emits ended", async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  vi.spyOn(navigator.mediaDevices, "getDisplayMedia").mockResolvedValue(stream);
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "screen";
  await vlm.start();
  expect(vlm.open).toBe(true);
  camera.track.dispatchEvent(new Event("ended"));
  expect(vlm.open).toBe(false);
  expect(mounted.detailsOf("ended")).toHaveLength(1);
  expect(vlm.state).toBe("ready");
  vi.restoreAllMocks();
});
