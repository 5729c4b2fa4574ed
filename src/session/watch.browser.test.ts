import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { killWorker } from "../testing/fake-worker";
import { solidCanvas } from "../testing/images";
import { fastVlm, openSession } from "../testing/sessions";
import type { LiveSource } from "../capture/live-source";
import type { WatchOptions } from "./options";
import type { Session } from "./session";
import type { Caption } from "./watch";

afterEach(() => vi.restoreAllMocks());

/** A canvas on which something moves, and its stream. */
function moving(): { canvas: HTMLCanvasElement; stream: MediaStream } {
  const canvas = solidCanvas("red", 64, 48);
  const context = canvas.getContext("2d");
  let shade = 0;
  const timer = setInterval(() => {
    shade = (shade + 5) % 256;
    if (context) context.fillStyle = `rgb(${shade} 0 0)`;
    context?.fillRect(0, 0, 64, 48);
  }, 20);
  onTestFinished(() => clearInterval(timer));
  return { canvas, stream: canvas.captureStream(30) };
}

async function captions(
  session: Session,
  source: LiveSource,
  count: number,
  options: WatchOptions = {},
): Promise<Caption[]> {
  const read: Caption[] = [];
  for await (const caption of session.watch(source, options)) {
    read.push(caption);
    if (read.length === count) break;
  }
  return read;
}

async function playing(): Promise<HTMLVideoElement> {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = moving().stream;
  await video.play();
  return video;
}

test.each<[string, () => LiveSource | Promise<LiveSource>]>([
  ["a MediaStream", () => moving().stream],
  [
    "a MediaStreamTrack",
    () => moving().stream.getVideoTracks()[0] ?? new MediaStream(),
  ],
  ["a video", playing],
  ["a canvas", () => moving().canvas],
  [
    "an OffscreenCanvas",
    () => {
      const canvas = new OffscreenCanvas(8, 8);
      canvas.getContext("2d");
      return canvas;
    },
  ],
])("captions the newest frames of %s", async (_, make) => {
  const { session, fake } = await openSession({ pace: 5 });
  const read = await captions(session, await make(), 3);
  for (const caption of read) {
    expect(caption).toMatchObject({
      ...{ type: "caption", prompt: "Describe the image.", finish: "stop" },
      text: "A red circle on a white background.",
    });
    expect(structuredClone(caption)).toEqual(caption);
    expect(caption.age).toBeGreaterThanOrEqual(caption.timings.ttft ?? NaN);
  }
  const times = read.map(({ time }) => time);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  expect(fake.asked[0]).toMatchObject({ draft: true, gate: 0, size: 256 });
});

test("counts dropped frames", async () => {
  const { session } = await openSession({ pace: 30 });
  const [, second] = await captions(session, moving().stream, 2);
  expect(second?.dropped).toBeGreaterThan(0);
});

test("leaving the loop ends the captions but not the stream", async () => {
  const { session, fake } = await openSession({ pace: 2 });
  const { stream } = moving();
  await captions(session, stream, 1);
  const { length } = fake.asked;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(fake.asked).toHaveLength(length);
  expect(stream.getTracks()[0]?.readyState).toBe("live");
  expect(await captions(session, stream, 1)).toHaveLength(1);
});

test("changed options apply from the next frame", async () => {
  const { session, fake } = await openSession({ pace: 2 });
  const options = { prompt: "What?", gate: 0 };
  for await (const { prompt } of session.watch(moving().stream, options)) {
    if (prompt === "Where?") break;
    Object.assign(options, { prompt: "Where?", gate: 0.1 });
  }
  expect(fake.asked.at(-1)?.gate).toBe(0.1);
});

test("aborting the signal rejects with aborted within one token", async () => {
  const { session } = await openSession({ pace: 30 });
  const controller = new AbortController();
  const read = captions(session, moving().stream, 9, {
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(), 200);
  await expect(read).rejects.toMatchObject({ code: "aborted" });
});

test("dispose rejects with aborted", async () => {
  const { session, workers } = await openSession({ pace: 30 });
  const read = captions(session, moving().stream, 9);
  setTimeout(() => session.dispose(), 200);
  await expect(read).rejects.toMatchObject({ code: "aborted" });
  expect(workers.ended).toBe(1);
  await expect(captions(session, moving().stream, 1)).rejects.toMatchObject({
    code: "aborted",
  });
});

test("return ends an iterator that waits for a frame", async () => {
  const { session } = await openSession();
  const video = document.createElement("video");
  const reader = session.watch(video)[Symbol.asyncIterator]();
  const pending = reader.next();
  await reader.return?.();
  expect(await pending).toEqual({ done: true, value: undefined });
});

test("ends with the stream", async () => {
  const { session } = await openSession({ pace: 2 });
  const { stream } = moving();
  const read: Caption[] = [];
  for await (const caption of session.watch(stream)) {
    read.push(caption);
    if (read.length === 2) for (const track of stream.getTracks()) track.stop();
  }
  expect(read.length).toBeGreaterThanOrEqual(2);
});

test("ends with the video", async () => {
  const { session } = await openSession({ pace: 2 });
  const video = await playing();
  const read: Caption[] = [];
  for await (const caption of session.watch(video)) {
    read.push(caption);
    vi.spyOn(video, "ended", "get").mockReturnValue(read.length === 2);
  }
  expect(read).toHaveLength(2);
});

test("waits while the page is hidden", async () => {
  const { session, fake } = await openSession({ pace: 2 });
  const hide = (hidden: boolean): void => {
    vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  hide(true);
  const read = captions(session, moving().canvas, 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(fake.asked).toEqual([]);
  hide(false);
  expect(await read).toHaveLength(1);
});

test("with whileHidden, captions go on while the page is hidden", async () => {
  const { session } = await openSession({ pace: 2 });
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  const options = { whileHidden: true };
  expect(await captions(session, moving().stream, 2, options)).toHaveLength(2);
});

test("with changed, only frames that differ are captioned", async () => {
  const { session, fake } = await openSession({ pace: 2, unchanged: true });
  const options = { changed: true, prompt: "First?" };
  const prompts: string[] = [];
  for await (const caption of session.watch(moving().canvas, options)) {
    prompts.push(caption.prompt);
    const asked = fake.asked.length;
    if (prompts.length === 1) {
      void vi
        .waitFor(() => expect(fake.asked.length).toBeGreaterThan(asked + 1))
        // Another question is asked about the same image, too.
        .then(() => (options.prompt = "Second?"));
    } else if (prompts.length === 2) {
      expect(caption.dropped).toBeGreaterThanOrEqual(2);
      fake.script = { ...fake.script, unchanged: false };
    } else break;
  }
  expect(prompts).toEqual(["First?", "Second?", "Second?"]);
  expect(fake.asked.every(({ gate }) => gate === 0.02)).toBe(true);
});

test("rejects changed with anyres", async () => {
  const { session } = await openSession();
  const options = { changed: true, anyres: true };
  await expect(
    captions(session, moving().canvas, 1, options),
  ).rejects.toMatchObject({ code: "bad-option" });
});

test("continues after the worker died", async () => {
  const { session, workers } = await openSession({ pace: 10 });
  const read = captions(session, moving().stream, 3);
  await vi.waitFor(() => expect(workers.calls("generate")).toHaveLength(2));
  if (workers.workers[0]) killWorker(workers.workers[0]);
  expect(await read).toHaveLength(3);
  expect(workers.workers).toHaveLength(2);
});

test("rejects when the worker dies three times in a row", async () => {
  const { session, workers } = await openSession({ pace: 10 });
  const timer = setInterval(() => {
    const worker = workers.workers.at(-1);
    const fake = workers.fakes.at(-1);
    const asks = fake?.calls.some((call) => call.startsWith("generate"));
    if (worker && asks) killWorker(worker);
  }, 5);
  onTestFinished(() => clearInterval(timer));
  const read = captions(session, moving().stream, 3);
  await expect(read).rejects.toMatchObject({ code: "worker-died" });
});

test("rejects at once for other errors", async () => {
  const error = new VlmError("out-of-memory", "Too big.", "Smaller.");
  const { session, fake } = await openSession({ runErrors: { 1: error } });
  const read = captions(session, moving().stream, 3);
  await expect(read).rejects.toMatchObject({ code: "out-of-memory" });
  expect(fake.asked).toHaveLength(1);
});

test.each([
  ["an image file", new Blob(["x"])],
  ["nothing", undefined],
  ["ImageData", new ImageData(1, 1)],
])("rejects %s", async (_, source) => {
  const { session } = await openSession();
  const read = captions(session, source as unknown as LiveSource, 1);
  await expect(read).rejects.toMatchObject({ code: "bad-option" });
});

test("live captions do not starve another session", async () => {
  const { vlm, workers } = fastVlm({ pace: 20 });
  const live = await vlm.create({ model: "nano" });
  const asks = await vlm.create({ model: "nano" });
  const controller = new AbortController();
  const watching = captions(live, moving().stream, 99, {
    ...{ signal: controller.signal, prompt: "live" },
  });
  await vi.waitFor(() =>
    expect(workers.calls("generate").length).toBeGreaterThan(1),
  );
  const before = workers.calls("generate").length;
  await asks.describe(new ImageData(4, 4), { prompt: "Now?" }).done();
  const between = workers
    .calls("generate")
    .slice(before)
    .indexOf("generate Now?");
  expect(between).toBeLessThanOrEqual(1);
  controller.abort();
  await expect(watching).rejects.toMatchObject({ code: "aborted" });
});

const stream = (): LiveSource => moving().stream;
const canvas = (): LiveSource => moving().canvas;

test.each<[string, (() => LiveSource | Promise<LiveSource>)[]]>([
  ["streams", [stream, stream, stream]],
  ["elements", [playing, canvas, playing]],
])(
  "several %s with one worker: each frame is captured when its turn comes",
  async (_, sources) => {
    const { vlm } = fastVlm({ pace: 60 });
    const read = await Promise.all(
      sources.map(async (source) => {
        const session = await vlm.create({ model: "nano" });
        return captions(session, await source(), 2);
      }),
    );
    for (const caption of read.flat()) {
      const { wait = NaN, total } = caption.timings;
      expect(total).toBeGreaterThan(500);
      expect(wait).toBeLessThan(400);
      expect(caption.age).toBeLessThan(total + 400);
    }
  },
);

test("does not count frames from before as dropped", async () => {
  const { session } = await openSession({ pace: 1 });
  const video = await playing();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const [first, second] = await captions(session, video, 2);
  expect(first?.dropped).toBe(0);
  expect(second?.dropped).toBeLessThan(10);
});

test("waits for a video to play", async () => {
  const { session } = await openSession();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = moving().stream;
  const read = captions(session, video, 1);
  const done = session.describe(video).done();
  setTimeout(() => void video.play(), 400);
  expect(await read).toHaveLength(1);
  expect((await done).finish).toBe("stop");
});
