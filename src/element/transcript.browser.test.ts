import { beforeEach, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { FakeCamera } from "../testing/fake-camera";
import { imageFile, solidImage } from "../testing/images";
import { Mounted } from "../testing/mounted";
import "./define";

let mounted: Mounted;

const notMultiTurn = { info: { multiTurn: false } };

/** The texts of the messages of each request. */
const asked = (): string[][] =>
  mounted.fake.asked.map(({ messages }) => messages.map(({ text }) => text));

beforeEach(() => void new FakeCamera());

test("ask adds an entry that grows with each token", async () => {
  mounted = new Mounted({ captions: [["A", " cat"]] });
  const { vlm } = mounted;
  expect(vlm.conversation).toEqual([]);
  const answering = vlm.ask("What?", { source: await imageFile() });
  const [begun] = vlm.conversation;
  expect(begun).toMatchObject({
    ...{ question: "What?", answer: "", state: "answering" },
    ...{ time: expect.any(Number) as number },
  });
  const detail = await answering;
  const [entry] = vlm.conversation;
  expect(entry).toMatchObject({
    ...{ id: begun?.id, question: "What?", answer: "A cat", state: "done" },
    ...{ finish: "stop", time: detail.time, timings: detail.timings },
  });
  const grown = mounted
    .detailsOf("conversationchange")
    .map(({ conversation }) => conversation[0]?.answer);
  expect([...new Set(grown)]).toEqual(["", "A", "A cat"]);
});

test("an entry has a small thumbnail of the frame on the background", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.background = "#0000ff";
  const source = new OffscreenCanvas(1000, 500);
  source.getContext("2d")?.clearRect(0, 0, 1, 1);
  await vlm.ask("What?", { source });
  await vi.waitFor(() => expect(vlm.conversation[0]?.thumbnail).toBeDefined());
  const thumbnail = vlm.conversation[0]?.thumbnail ?? new Blob();
  expect(thumbnail.type).toBe("image/jpeg");
  expect(thumbnail.size).toBeLessThan(10_000);
  const bitmap = await createImageBitmap(thumbnail);
  expect([bitmap.width, bitmap.height]).toEqual([192, 96]);
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context?.drawImage(bitmap, 0, 0);
  const [red = 255, , blue = 0] = context?.getImageData(0, 0, 1, 1).data ?? [];
  expect([red < 10, blue > 245]).toEqual([true, true]);
});

test("a thumbnail is drawn after its frame was sent", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const send = vi.spyOn(MessagePort.prototype, "postMessage");
  const draw = vi.spyOn(OffscreenCanvas.prototype, "convertToBlob");
  const source = await createImageBitmap(new ImageData(8, 8));
  await vlm.ask("What?", { source });
  await vi.waitFor(() => expect(vlm.conversation[0]?.thumbnail).toBeDefined());
  const sent = send.mock.calls.findIndex(
    ([, transfer]) =>
      Array.isArray(transfer) && transfer[0] instanceof ImageBitmap,
  );
  const sentAt = send.mock.invocationCallOrder[sent];
  expect(sentAt).toBeLessThan(draw.mock.invocationCallOrder[0] ?? 0);
  vi.restoreAllMocks();
});

test("a failed question says why", async () => {
  const error = new VlmError("out-of-memory", "Too big.", "Smaller.");
  mounted = new Mounted({ runErrors: { 1: error } });
  const { vlm } = mounted;
  const source = await imageFile();
  await expect(vlm.ask("What?", { source })).rejects.toThrow("Too big.");
  await vlm.ask("And?", { source });
  expect(vlm.conversation).toMatchObject([
    {
      ...{ question: "What?", state: "failed" },
      error: { code: "out-of-memory", message: "Too big." },
    },
    { question: "And?", state: "done" },
  ]);
  expect(asked()[1]).toEqual(["And?"]);
});

test("a stopped answer is kept as far as it came", async () => {
  mounted = new Mounted({ pace: 10 });
  const { vlm } = mounted;
  const stopping = new AbortController();
  const answer = vlm.ask("What?", {
    source: await imageFile(),
    signal: stopping.signal,
    onToken: (text) => {
      if (text === " red") stopping.abort();
    },
  });
  await expect(answer).rejects.toMatchObject({ code: "aborted" });
  expect(vlm.conversation).toMatchObject([
    { state: "done", finish: "abort", answer: "A red" },
  ]);
});

test("an invalid question adds no entry", async () => {
  mounted = new Mounted();
  const answer = mounted.vlm.ask("What?", { maxTokens: 0 });
  await expect(answer).rejects.toMatchObject({ code: "bad-option" });
  expect(mounted.vlm.conversation).toEqual([]);
});

test("live captions and the caption of an image add no entry", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "image";
  vlm.file = await imageFile();
  await vlm.start();
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(3);
  vlm.stop();
  expect(vlm.conversation).toEqual([]);
  const kinds = mounted.detailsOf("caption").map(({ kind }) => kind);
  expect([...new Set(kinds)]).toEqual(["caption"]);
});

test("events tell answers from captions", async () => {
  mounted = new Mounted();
  await mounted.vlm.ask("What?", { source: await imageFile() });
  for (const type of ["frame", "token", "caption"] as const) {
    const kinds = mounted.detailsOf(type).map(({ kind }) => kind);
    expect([...new Set(kinds)], type).toEqual(["answer"]);
  }
});

test("a follow-up about a frozen frame contains the earlier turns", async () => {
  mounted = new Mounted({ captions: [["A cat."], ["Black."], ["Two."]] });
  const { vlm, fake } = mounted;
  vlm.source = "camera";
  await vlm.start();
  await vlm.freeze();
  await vlm.ask("What?");
  await vlm.ask("Which colour?");
  expect(asked()[1]).toEqual(["What?", "A cat.", "Which colour?"]);
  const [, second] = fake.asked;
  expect(second?.messages.map(({ imageCount }) => imageCount)).toEqual([
    1, 0, 0,
  ]);
  expect(second?.imageIds).toEqual(fake.asked[0]?.imageIds);
  vlm.resume();
  await vlm.freeze();
  await vlm.ask("How many?");
  expect(asked()[2]).toEqual(["How many?"]);
});

test("a question about a live frame has no history", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "camera";
  await vlm.start();
  await vlm.ask("What?");
  await vlm.ask("And now?", { history: true });
  expect(asked()).toEqual([["What?"], ["And now?"]]);
});

test("follow-ups about the same file wait for the answers before them", async () => {
  mounted = new Mounted({ captions: [["A cat."]] });
  const { vlm } = mounted;
  const source = await imageFile();
  await Promise.all([
    vlm.ask("What?", { source }),
    vlm.ask("And this?", { source: await imageFile("blue") }),
    vlm.ask("Which colour?", { source }),
  ]);
  // The first two are about different files: their order is open.
  expect(asked().slice(0, 2).sort()).toEqual([["And this?"], ["What?"]]);
  expect(asked().slice(2)).toEqual([["What?", "A cat.", "Which colour?"]]);
});

test("the image of `for` has a history until it is replaced", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const image = solidImage();
  image.id = "photo";
  document.body.append(image);
  vlm.for = "photo";
  await vlm.ask("What?");
  await vlm.ask("And?");
  expect(asked()[1]).toHaveLength(3);
  const other = solidImage("blue");
  other.id = "photo";
  image.replaceWith(other);
  await vlm.ask("What?");
  expect(asked()[2]).toHaveLength(1);
  other.remove();
});

test("a model of single turns is asked without history, unless it is wanted", async () => {
  mounted = new Mounted(notMultiTurn);
  const { vlm } = mounted;
  const source = await imageFile();
  await vlm.ask("What?", { source });
  await vlm.ask("And?", { source });
  expect(asked()[1]).toEqual(["And?"]);
  await vlm.ask("So?", { source, history: true });
  expect(asked()[2]).toHaveLength(5);
});

test("history: false asks as if it were the first question", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const source = await imageFile();
  await vlm.ask("What?", { source });
  await vlm.ask("And?", { source, history: false });
  expect(asked()[1]).toEqual(["And?"]);
});

test("messages replace the history", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const source = await imageFile();
  const messages = [{ role: "system", text: "Be brief." }] as const;
  await vlm.ask("What?", { source });
  await vlm.ask("And?", { source, messages });
  expect(asked()[1]).toEqual(["Be brief.", "And?"]);
  const both = vlm.ask("And?", { source, messages, history: true });
  await expect(both).rejects.toMatchObject({ code: "bad-option" });
});

test("clearConversation forgets the history, also of an answer in progress", async () => {
  mounted = new Mounted({ pace: 5 });
  const { vlm } = mounted;
  const source = await imageFile();
  await vlm.ask("What?", { source });
  const answering = vlm.ask("And?", {
    source,
    onToken: () => vlm.clearConversation(),
  });
  await answering;
  expect(vlm.conversation).toEqual([]);
  expect(mounted.detailsOf("conversationchange").at(-1)).toEqual({
    conversation: [],
  });
  await vlm.ask("So?", { source });
  expect(asked()[2]).toEqual(["So?"]);
});

test("only the last 100 entries are kept", async () => {
  mounted = new Mounted({ captions: [[]], pace: 0 });
  const { vlm } = mounted;
  const source = await imageFile();
  for (let at = 0; at < 101; at += 1) {
    await vlm.ask(`Question ${at}?`, { source });
  }
  expect(vlm.conversation).toHaveLength(100);
  expect(vlm.conversation[0]?.question).toBe("Question 1?");
});
