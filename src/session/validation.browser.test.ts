import { expect, test } from "vitest";
import { createFastVlm } from "./create-fast-vlm";
import { VlmError } from "../shared/errors";
import { solidCanvas, imageFile } from "../testing/images";
import { fastVlm, openSession } from "../testing/sessions";

/** A value of the wrong type, as untyped code may pass. */
const wrong = (value: unknown): never => value as never;

const refused = async (promise: Promise<unknown>): Promise<void> => {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(VlmError);
  expect(thrown).toMatchObject({ code: "bad-option" });
};

const nano = { model: "nano" };

test("createFastVlm rejects invalid options", async () => {
  const nonsense = [null, 5, { worker: "worker.js" }, { fetch: 5 }];
  for (const options of [...nonsense, { wasmPaths: 5 }, { modelBase: 5 }]) {
    await refused(createFastVlm(wrong(options)).create(nano));
  }
  const vlm = createFastVlm({ worker: wrong(() => ({})) });
  await expect(vlm.create(nano)).rejects.toMatchObject({ code: "worker-died" });
});

test("create rejects invalid options", async () => {
  const { vlm, workers } = fastVlm();
  const nonsense: object[] = [
    { model: 5 },
    { dtype: 5 },
    { dtype: null },
    { device: 1 },
    { folder: 5 },
    { size: "64" },
    { size: NaN },
    { signal: {} },
    { monitor: "x" },
  ];
  for (const options of nonsense) {
    await refused(vlm.create(wrong({ ...nano, ...options })));
  }
  for (const options of [undefined, null, "nano", { ...nano, size: "64" }]) {
    await refused(vlm.availability(wrong(options)));
  }
  expect(workers.workers).toEqual([]);
  const session = await vlm.create(wrong({ ...nano, signal: null }));
  expect(session.info.name).toBe("fake");
});

test("requests reject invalid options and keep the conversation", async () => {
  const { session, fake } = await openSession();
  const image = await imageFile();
  await session.describe(image).done();
  const nonsense = [
    null,
    "What is this?",
    { prompt: 5 },
    { maxTokens: "5" },
    { size: "64" },
    { sampling: 5 },
    { anyres: 1 },
    { signal: 5 },
    { gate: "0.1" },
    { prefix: {} },
    { responseConstraint: 5 },
  ];
  for (const options of nonsense) {
    await refused(session.describe(image, wrong(options)).done());
    const watched = session.watch(solidCanvas(), wrong(options));
    await refused(watched[Symbol.asyncIterator]().next());
  }
  await refused(session.ask("And?", wrong({ fit: 5 })).done());
  await refused(session.describe([]).done());
  for (const turns of [undefined, "hello", [null], [{ images: image }]]) {
    await refused(session.converse(wrong(turns)).done());
    await refused(session.count(wrong(turns)));
  }
  expect(fake.asked).toHaveLength(1);
});

test("all calls reject after dispose", async () => {
  const { vlm } = fastVlm();
  const session = await vlm.create(nano);
  await vlm.dispose();
  const gone = {
    code: "aborted",
    message: expect.stringMatching(/disposed/) as string,
  };
  const watched = session.watch(solidCanvas())[Symbol.asyncIterator]();
  await expect(watched.next()).rejects.toMatchObject(gone);
  await expect(session.ask("And?").done()).rejects.toMatchObject(gone);
  await expect(vlm.create(nano)).rejects.toMatchObject(gone);
  await expect(vlm.availability(nano)).rejects.toMatchObject(gone);
});
