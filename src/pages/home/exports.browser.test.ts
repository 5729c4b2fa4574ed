import { expect, test } from "vitest";
import type { CaptionDetail, ConversationEntry } from "../../index";
import { panelEnglish } from "./panel-texts";
import { panelGerman } from "./panel-texts-de";
import { timingsCsv, timingsJson, TimingsLog } from "./timings-log";
import { transcriptJson, transcriptMarkdown } from "./transcript-export";

const timings = {
  ...{ preprocess: 1, encode: 2, prefill: 3, firstDecode: 4, firstToken: 10 },
  ...{ total: 30, tokensPerSecond: 50, ttft: 412, wait: 5, paint: 6 },
};

const entries: readonly ConversationEntry[] = [
  {
    ...{ id: 1, question: "What is *red*?", answer: "A circle." },
    ...{ state: "done", finish: "stop", time: Date.UTC(2026, 0, 2, 3, 4, 5) },
    ...{ timings, thumbnail: new Blob(["x"], { type: "image/jpeg" }) },
  },
  {
    ...{ id: 2, question: "And?", answer: "A", state: "done" },
    ...{ finish: "abort", time: Date.UTC(2026, 0, 2, 3, 4, 9) },
  },
];

test("the transcript as JSON has times and TTFT, thumbnails only on request", async () => {
  const plain = { entries, model: "nano", withThumbnails: false };
  expect(JSON.parse(await transcriptJson(plain))).toEqual({
    model: "nano",
    conversation: [
      {
        ...{ question: "What is *red*?", answer: "A circle.", state: "done" },
        ...{ finish: "stop", time: "2026-01-02T03:04:05.000Z", ttft: 412 },
      },
      {
        ...{ question: "And?", answer: "A", state: "done", finish: "abort" },
        time: "2026-01-02T03:04:09.000Z",
      },
    ],
  });
  const full = await transcriptJson({ ...plain, withThumbnails: true });
  expect(full).toContain('"thumbnail": "data:image/jpeg;base64,eA=="');
});

test("the transcript as Markdown, in two languages", async () => {
  const exported = { entries, model: "nano", withThumbnails: false };
  const english = await transcriptMarkdown(exported, panelEnglish);
  expect(english).toMatch(
    /^# Conversation with nano\n\n## What is \\\*red\\\*\?/,
  );
  expect(english).toMatch(/\n\nA circle\.\n\n_.*2026.* · 0\.4\u00a0s to the/);
  expect(english).toMatch(/\n\nA…\n\n_[^·]*_\n$/);
  expect(english).not.toContain("data:");
  const german = await transcriptMarkdown(
    { ...exported, withThumbnails: true },
    panelGerman,
  );
  expect(german).toMatch(/^# Gespräch mit nano\n/);
  expect(german).toContain("](data:image/jpeg;base64,eA==)");
});

test("the timings have no text of a question or an answer", () => {
  const log = new TimingsLog();
  const detail: CaptionDetail = {
    ...{ kind: "caption", text: "SECRET", prompt: "SECRET", tokenIds: [1, 2] },
    ...{ finish: "stop", promptTokens: 9, imageTokens: 16, reused: 0 },
    ...{ unchanged: 0, size: 256, time: 0, age: 40, dropped: 3, gated: false },
    timings,
  };
  log.add(detail);
  expect(log.lastTtfts(60)).toEqual([412]);
  const [header = "", row = ""] = timingsCsv(log.rows).split("\r\n");
  const names = header.split(",");
  const value = (name: string): string =>
    row.split(",")[names.indexOf(name)] ?? "";
  expect(value("time")).toBe("1970-01-01T00:00:00.000Z");
  expect(value("kind")).toBe("caption");
  expect(value("ttft")).toBe("412");
  expect(value("paint")).toBe("6");
  expect(value("dropped")).toBe("3");
  const json = timingsJson(log.rows, undefined);
  expect(JSON.parse(json)).toHaveProperty("timings[0].firstDecode", 4);
  expect(json + row).not.toContain("SECRET");
});
