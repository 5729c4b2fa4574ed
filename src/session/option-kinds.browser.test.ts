import { expect, test } from "vitest";
import { VlmError } from "../shared/errors";
import type { OptionRules } from "../shared/options";
import { imageFile, solidCanvas } from "../testing/images";
import { fastVlm, openSession } from "../testing/sessions";
import { createFastVlm } from "./create-fast-vlm";
import {
  answerRules,
  countRules,
  createRules,
  describeRules,
  environmentRules,
  followUpRules,
} from "./options";

/** One value of each kind, as untyped code may pass them. */
const kinds: readonly unknown[] = [
  ...[null, true, 5, NaN, -1, 1e9, 10n, "", " ", "x", Symbol("x")],
  ...[[], [5], [null], {}, { a: 1 }, () => 5, new Date(NaN), /x/, new Map()],
  ...[new Blob(["x"]), Promise.resolve(5), Object.create(null) as object],
];

type Call = (options: never) => Promise<unknown>;

/** Calls with each option of `rules` as each kind, and checks that the call succeeds
 * or names what is wrong. */
async function tryKinds(rules: OptionRules, call: Call): Promise<void> {
  for (const [name, { accepts }] of Object.entries(rules)) {
    for (const value of kinds) {
      const options = { [name]: value } as never;
      const thrown: unknown = await call(options).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (thrown === undefined && accepts(value)) continue;
      const what = `${name}: ${Object.prototype.toString.call(value)}`;
      expect(thrown, what).toBeInstanceOf(VlmError);
      expect(thrown, what).toHaveProperty("code", "bad-option");
    }
  }
}

test("a request rejects each wrong kind of each option", async () => {
  const { session } = await openSession({ captions: [[]], pace: 0 });
  const image = await imageFile();
  const messages = [{ role: "user", text: "What?" }] as const;
  await tryKinds(describeRules, (options) =>
    session.describe(image, options).done(),
  );
  await session.describe(image).done();
  await tryKinds(followUpRules, (options) =>
    session.ask("And?", options).done(),
  );
  await tryKinds(answerRules, (options) =>
    session.converse(messages, options).done(),
  );
  await tryKinds(countRules, (options) => session.count(messages, options));
  await tryKinds(describeRules, async (options) => {
    for await (const caption of session.watch(solidCanvas(), options)) {
      expect(caption.type).toBe("caption");
      break;
    }
  });
}, 60_000);

test("create rejects each wrong kind of each option", async () => {
  const { vlm } = fastVlm({ pace: 0 });
  const { folder, model, ...others } = createRules;
  await tryKinds(others, async (options: object) => {
    const session = await vlm.create({ model: "nano", ...options });
    session.dispose();
  });
  // Valid kinds that name no model fail for other reasons.
  for (const [name, { accepts }] of Object.entries({ folder, model })) {
    for (const value of kinds) {
      const creating = vlm.create({ [name]: value });
      const code = accepts(value)
        ? (expect.not.stringMatching("internal") as string)
        : "bad-option";
      await expect(creating).rejects.toMatchObject({ code });
    }
  }
}, 60_000);

test("createFastVlm rejects each wrong kind of each option", async () => {
  for (const [name, { accepts }] of Object.entries(environmentRules)) {
    for (const value of kinds.filter((each) => !accepts(each))) {
      const vlm = createFastVlm({ [name]: value });
      await expect(vlm.create({ model: "nano" })).rejects.toMatchObject({
        code: "bad-option",
        message: expect.stringMatching(`^${name} must be `) as string,
      });
    }
  }
});

test("messages and questions of a wrong kind are rejected", async () => {
  const { session, fake } = await openSession();
  await session.describe(await imageFile()).done();
  for (const value of kinds) {
    const wrong = value as never;
    const calls: (() => Promise<unknown>)[] = [
      () => session.converse([{ role: "user", text: wrong }]).done(),
      () => session.count([{ role: "user", text: wrong }]),
      () =>
        session.converse([{ role: "user", text: "", images: wrong }]).done(),
      () => session.converse([wrong]).done(),
    ];
    if (!Array.isArray(value)) {
      calls.push(() => session.converse(wrong).done());
      calls.push(() => session.count(wrong));
    }
    if (value !== "x") calls.push(() => session.ask(wrong).done());
    if (!(value instanceof Blob)) {
      calls.push(() => session.describe(wrong).done());
    }
    for (const call of calls) {
      const thrown: unknown = await call().catch((error: unknown) => error);
      if (thrown instanceof Error) {
        expect(thrown).toHaveProperty("code", "bad-option");
      }
    }
  }
  const texts = fake.asked.map(({ messages }) => messages.at(-1)?.text);
  expect(texts.every((text) => typeof text === "string")).toBe(true);
}, 60_000);

test("an unknown option is named, unless it is undefined", async () => {
  const { session, fake } = await openSession();
  const { vlm } = fastVlm();
  const image = await imageFile();
  await session.describe(image, { maxTokns: undefined } as object).done();
  const odd = { maxTokns: 5 } as object;
  const calls = [
    session.describe(image, odd).done(),
    session.ask("And?", odd).done(),
    session.converse([{ role: "user", text: "What?" }], odd).done(),
    session.count([], odd),
    session.watch(solidCanvas(), odd)[Symbol.asyncIterator]().next(),
    vlm.create({ model: "nano", ...odd }),
    vlm.availability({ model: "nano", ...odd }),
    createFastVlm(odd).create({ model: "nano" }),
  ];
  for (const call of calls) {
    await expect(call).rejects.toMatchObject({
      code: "bad-option",
      message: "There is no option “maxTokns”.",
    });
  }
  const sampling = { topk: 5 } as object;
  await expect(session.describe(image, { sampling }).done()).rejects.toThrow(
    "There is no option “topk”.",
  );
  expect(fake.asked).toHaveLength(1);
});
