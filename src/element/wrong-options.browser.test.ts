import { expect, test } from "vitest";
import { imageFile } from "../testing/images";
import { Mounted } from "../testing/mounted";
import "./define";

const source = imageFile();

test.each([
  [{ maxTokns: 5 }, "There is no option “maxTokns”."],
  [{ messages: "x" }, "messages must be an array, not “x”."],
  [{ messages: [5] }, "messages[0] must be an object, not 5."],
  [{ onToken: 5 }, "onToken must be a function, not 5."],
  [{ history: "yes" }, "history must be true or false, not “yes”."],
  [{ sampling: "hot" }, "sampling must be an object, not “hot”."],
  [{ source: 5 }, "Unsupported image source: 5."],
  [null, "The options must be an object, not null."],
])("ask rejects %o", async (options, message) => {
  const { vlm, fake } = new Mounted();
  const given = options && { source: await source, ...options };
  await expect(vlm.ask("What?", given as never)).rejects.toMatchObject({
    ...{ code: "bad-option", message },
  });
  expect(fake.asked).toEqual([]);
});

test.each(["", " \n", 5, null])("ask rejects the question %o", async (text) => {
  const { vlm, fake } = new Mounted();
  const answer = vlm.ask(text as never, { source: await source });
  await expect(answer).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(/^prompt must be a text that/) as string,
  });
  expect(fake.asked).toEqual([]);
  expect(vlm.conversation).toEqual([]);
});

test("undefined options are left out", async () => {
  const { vlm } = new Mounted();
  const options = { maxTokns: undefined, maxTokens: undefined } as object;
  const answer = vlm.ask("What?", { source: await source, ...options });
  expect((await answer).finish).toBe("stop");
});

test("load and inspect reject unknown options", async () => {
  const { vlm } = new Mounted();
  const odd = { modl: "nano" } as object;
  const rejection = { message: "There is no option “modl”." };
  await expect(vlm.load(odd)).rejects.toMatchObject(rejection);
  await expect(vlm.inspect(odd)).rejects.toMatchObject(rejection);
});
