import { releaseProxy, transfer, transferHandlers, wrap } from "comlink";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VlmError } from "../src/shared/errors";
import type {
  EventMessage,
  Frame,
  VlmWorker,
  WorkerEvent,
} from "../src/shared/protocol";
import { transferErrors } from "../src/shared/error-transfer";
import { event, loadOptions, options, testImage } from "./testing/harness";

const worker = new Worker(new URL("./vlm.worker.ts", import.meta.url), {
  type: "module",
});
const api = wrap<VlmWorker>(worker);
const events: WorkerEvent[] = [];

const requestIds: unknown[] = [];

const ask = (frame: Frame, changes: Partial<typeof options> = {}) =>
  api.generate(5, transfer([frame], [frame]), { ...options, ...changes });

beforeAll(async () => {
  transferErrors(transferHandlers);
  worker.addEventListener(
    "message",
    ({ data }: MessageEvent<Partial<EventMessage>>) => {
      if (!data.event) return;
      events.push(data.event);
      if (data.event.type === "token") requestIds.push(data.requestId);
    },
  );
  await api.load(loadOptions);
});

afterAll(async () => {
  await api.dispose();
  api[releaseProxy]();
  worker.terminate();
});

test("transfers a frame without a copy and streams tokens back", async () => {
  const frame = await testImage();
  const answer = ask(frame);
  expect(frame.width).toBe(0);
  const { tokenIds } = await answer;
  expect(tokenIds).toHaveLength(12);
  const heard = events.flatMap((e) => (e.type === "token" ? [e.id] : []));
  expect(heard, "all tokens come before the answer").toEqual(tokenIds);
  expect(new Set(requestIds)).toEqual(new Set([5]));
});

test("transfers a VideoFrame", async () => {
  const bitmap = await testImage();
  const frame = new VideoFrame(bitmap, { timestamp: 0 });
  const [still, moving] = [await ask(bitmap), await ask(frame)];
  expect(moving.tokenIds).toEqual(still.tokenIds);
});

test("abort arrives between two tokens on WASM", async () => {
  events.length = 0;
  const running = ask(await testImage(), { maxTokens: 400 });
  await event(events, "token");
  await api.abort(5);
  const { finish, tokenIds } = await running;
  expect(finish).toBe("abort");
  expect(tokenIds.length).toBeLessThan(300);
});

test("rejects with the same VlmError in the page", async () => {
  const error = await ask(await testImage(), { size: 1 }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(VlmError);
  expect(error).toMatchObject({
    code: "bad-option",
    advice: "Correct the option, or leave it out to use its default.",
    message: expect.stringContaining("size") as string,
  });
});
