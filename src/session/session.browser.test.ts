import { describe, expect, test } from "vitest";
import { imageFile } from "../testing/images";
import { openSession } from "../testing/sessions";
import type { AnswerEvent } from "./answer-stream";

const red = "A red circle on a white background.";

test("emits the events image, token and done, in this order", async () => {
  const { session } = await openSession();
  const steps: AnswerEvent[] = [];
  for await (const step of session.describe(await imageFile())) {
    steps.push(step);
  }
  const types = steps.map(({ type }) => type);
  expect(types).toEqual([
    "image",
    ...Array.from({ length: 8 }, () => "token"),
    "done",
  ]);
  const texts = steps.map((step) => (step.type === "token" ? step.text : ""));
  expect(texts.join("")).toBe(red);
  expect(steps[0]).toEqual({
    type: "image",
    imageTokens: 16,
    reused: 0,
    unchanged: 0,
  });
  expect(steps[1]).toMatchObject({
    timings: { firstToken: expect.any(Number) as number },
  });
  expect(steps.at(-1)).toMatchObject({
    ...{ type: "done", text: red, finish: "stop", promptTokens: 9 },
    tokenIds: [0, 1, 2, 3, 4, 5, 6, 7],
  });
});

test("events can be cloned", async () => {
  const { session } = await openSession();
  for await (const step of session.describe(await imageFile())) {
    expect(structuredClone(step)).toEqual(step);
    expect(JSON.parse(JSON.stringify(step))).toEqual(step);
    expect(Object.getPrototypeOf(step)).toBe(Object.prototype);
  }
});

test("the timings add up to the time to first token", async () => {
  const { session } = await openSession({ pace: 20 });
  const { timings } = await session.describe(await imageFile()).done();
  const { wait = NaN, ttft = NaN, firstToken } = timings;
  expect(wait).toBeGreaterThanOrEqual(0);
  expect(wait + firstToken).toBeCloseTo(ttft, 6);
  expect(timings.total).toBeGreaterThanOrEqual(firstToken);
});

test("an answer can be read several times, also after done", async () => {
  const { session } = await openSession();
  const steps = session.describe(await imageFile());
  const { text } = await steps.done();
  expect(text).toBe(red);
  for (let reader = 0; reader < 2; reader++) {
    let read = "";
    for await (const step of steps)
      if (step.type === "token") read += step.text;
    expect(read).toBe(red);
  }
});

test("passes all options to the worker", async () => {
  const { session, fake } = await openSession();
  await session.describe(await imageFile()).done();
  expect(fake.asked[0]).toMatchObject({
    messages: [{ role: "user", text: "Describe the image.", imageCount: 1 }],
    ...{ promptStyle: "reference", fit: "letterbox", anyres: false, size: 256 },
    background: "white",
    ...{ maxTokens: 128, draft: false, gate: 0 },
    sampling: { temperature: 0 },
  });
  const answer = await session
    .describe([await imageFile(), await imageFile("blue")], {
      ...{ prompt: "Which?", promptStyle: "demo", fit: "crop", anyres: true },
      ...{ size: 512, maxTokens: 2, sampling: { temperature: 0.5, seed: 7 } },
      ...{ prefix: "The ", responseConstraint: /\w+/u },
    })
    .done();
  expect(answer).toMatchObject({ text: "A red", finish: "length" });
  expect(fake.asked[1]).toMatchObject({
    messages: [{ role: "user", text: "Which?", imageCount: 2 }],
    ...{
      promptStyle: "demo",
      fit: "crop",
      anyres: true,
      size: 512,
      maxTokens: 2,
    },
    sampling: { temperature: 0.5, seed: 7, topP: 1 },
    ...{ prefix: "The ", constraint: { type: "regex", source: "\\w+" } },
  });
});

test.each([
  [{ size: 100 }, /size must be .*, not 100/],
  [{ maxTokens: 0 }, /maxTokens must be .*, not 0/],
  [{ fit: "glove" as "crop" }, /fit must be one of .*, not “glove”/],
  [{ responseConstraint: [] }, /constraint/],
])("refuses %o as bad-option", async (options, message) => {
  const { session } = await openSession();
  const refused = session.describe(await imageFile(), options).done();
  await expect(refused).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(message) as string,
  });
});

describe("follow-ups", () => {
  test("have no history if the model was trained for single turns", async () => {
    const { session, fake } = await openSession({ info: { multiTurn: false } });
    await session.describe(await imageFile()).done();
    await session.ask("And?").done();
    await session.ask("So?", { history: true }).done();
    const texts = fake.asked.map(({ messages }) => messages);
    expect(texts[1]).toEqual([{ role: "user", text: "And?", imageCount: 1 }]);
    expect(texts[2]?.map(({ imageCount }) => imageCount)).toEqual([
      1, 0, 0, 0, 0,
    ]);
  });

  test("history: false asks about the same image alone", async () => {
    const { session, fake } = await openSession();
    await session.describe(await imageFile()).done();
    await session.ask("And?", { history: false }).done();
    await session.ask("So?").done();
    const lengths = fake.asked.map(({ messages }) => messages.length);
    expect(lengths).toEqual([1, 1, 5]);
    expect(fake.asked[1]?.imageIds).toEqual(fake.asked[0]?.imageIds);
  });

  test("continue with the same image and the earlier messages", async () => {
    const { session, fake } = await openSession({
      captions: [["A cat."], ["Black."], ["Two."]],
    });
    await session.describe(await imageFile(), { prompt: "What?" }).done();
    await session.ask("Which colour?").done();
    const steps = session.ask("How many?");
    expect((await steps.done()).text).toBe("Two.");
    expect(fake.asked[2]?.messages).toEqual([
      { role: "user", text: "What?", imageCount: 1 },
      { role: "assistant", text: "A cat.", imageCount: 0 },
      { role: "user", text: "Which colour?", imageCount: 0 },
      { role: "assistant", text: "Black.", imageCount: 0 },
      { role: "user", text: "How many?", imageCount: 0 },
    ]);
    const names = fake.asked.map((asked) => asked.imageIds);
    expect(names[0]?.[0]).toEqual(expect.any(String));
    expect(new Set(names.map((each) => JSON.stringify(each))).size).toBe(1);
  });

  test("wait for the answers before them", async () => {
    const { session, fake } = await openSession({ pace: 5 });
    const first = session.describe(await imageFile());
    const second = session.ask("And?");
    const third = session.ask("More?");
    await third.done();
    expect(fake.asked.map(({ messages }) => messages.length)).toEqual([
      1, 3, 5,
    ]);
    expect((await first.done()).text).toBe(red);
    expect((await second.done()).text).toBe(red);
  });

  test("start a new conversation with another image", async () => {
    const { session, fake } = await openSession();
    await session.describe(await imageFile()).done();
    await session.describe(await imageFile("blue")).done();
    await session.ask("And?").done();
    expect(fake.asked[2]?.messages).toHaveLength(3);
    expect(fake.asked[2]?.imageIds).toEqual(fake.asked[1]?.imageIds);
    expect(fake.asked[1]?.imageIds).not.toEqual(fake.asked[0]?.imageIds);
  });

  test("include the part of an answer that was read", async () => {
    const { session, fake } = await openSession({ pace: 20 });
    for await (const step of session.describe(await imageFile())) {
      if (step.type === "token" && step.text === " red") break;
    }
    await session.ask("Go on.").done();
    expect(fake.asked[1]?.messages[1]?.text).toMatch(/^A red/);
    expect(fake.asked[1]?.messages[1]?.text).not.toBe(red);
  });

  test("are rejected without an image", async () => {
    const { session } = await openSession();
    await expect(session.ask("And?").done()).rejects.toMatchObject({
      code: "bad-option",
      advice: expect.stringMatching(/describe/) as string,
    });
  });

  test("fail like the unreadable image before them", async () => {
    const { session, fake } = await openSession();
    const bad = session.describe(new File(["hello"], "note.png"));
    await expect(bad.done()).rejects.toMatchObject({ code: "bad-image" });
    await expect(session.ask("And?").done()).rejects.toMatchObject({
      code: "bad-image",
    });
    expect(fake.asked).toEqual([]);
  });
});

describe("converse", () => {
  test("sends the images of all messages, with the ids of known ones", async () => {
    const { session, fake } = await openSession();
    const file = await imageFile();
    const first = { role: "user", text: "What?", images: [file] } as const;
    await session.converse([first]).done();
    await session
      .converse([
        { role: "system", text: "Be brief." },
        first,
        { role: "assistant", text: red },
        {
          role: "user",
          text: "And this?",
          images: [await imageFile("blue")],
        },
      ])
      .done();
    expect(fake.asked[1]?.messages.map(({ imageCount }) => imageCount)).toEqual(
      [0, 1, 0, 1],
    );
    expect(fake.asked[1]?.imageIds?.[0]).toBe(fake.asked[0]?.imageIds?.[0]);
    expect(fake.asked[1]?.imageIds?.[1]).not.toBe(fake.asked[0]?.imageIds?.[0]);
  });

  test("count does not read images", async () => {
    const { session } = await openSession();
    const unread = new File(["no image"], "note.png");
    const count = await session.count([
      { role: "user", text: "What is it?", images: [unread] },
    ]);
    expect(count).toEqual({ tokens: 4 + 3 + 16, limit: 512 });
  });
});
