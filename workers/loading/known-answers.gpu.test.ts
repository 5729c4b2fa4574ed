import { expect, test } from "vitest";
import { hashOf } from "../store/key-value-store";
import { loadOptions } from "../testing/harness";
import { knownAnswers } from "./known-answers";
import { loadModel } from "./load";
import { readMetadata } from "./model-metadata";
import { answerTestImage } from "./verification";
import { verifiedContent } from "./verification-cache";

const { signal } = new AbortController();

test.each(["fp32", "q4"] as const)(
  "the known answer of the bundled model in %s is the reference's",
  async (dtype) => {
    const url = new URL("/models/nano/", location.href).href;
    const model = { kind: "url", url } as const;
    const options = { ...loadOptions, model, dtype };
    const loaded = await loadModel(options, signal, () => undefined);
    const { dtypes, size } = loaded.info;
    const tokens = await answerTestImage(loaded, size, signal);
    await loaded.release();
    const metadata = await readMetadata(model, signal);
    const content = await verifiedContent(
      { metadata, dtypes, external: [] },
      signal,
    );
    metadata.folder.release();
    const known = Object.fromEntries(knownAnswers);
    expect(known).toMatchObject({ [await hashOf(content)]: tokens });
  },
);
