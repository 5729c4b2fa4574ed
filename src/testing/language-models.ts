import { expect, onTestFinished } from "vitest";
import { LanguageModel } from "../prompt-api/language-model";
import type { LanguageModelCreateOptions } from "../prompt-api/types";
import type { GenerateOptions } from "../shared/protocol";
import type { Script } from "./fake-worker";
import { FakeWorkers } from "./workers";

export const question = "Please write a sentence in English.";
/** What the fake says. */
export const caption = "A red circle on a white background.";
export const withImages = { expectedInputs: [{ type: "image" }] } as const;

/** A language model with scripted workers; its sessions end with the test. */
export function languageModel(script: Partial<Script> = {}) {
  const workers = new FakeWorkers(script);
  const Model = LanguageModel.with({ worker: workers.start, model: "nano" });
  const create = async (
    options?: LanguageModelCreateOptions,
  ): Promise<LanguageModel> => {
    const model = await Model.create(options);
    onTestFinished(() => model.destroy());
    return model;
  };
  /** The last question that reached a worker. */
  const asked = (): GenerateOptions | undefined =>
    workers.fakes.at(-1)?.asked.at(-1);
  return { Model, create, workers, asked };
}

export const rejects = (promise: Promise<unknown>, name: string) =>
  expect(promise).rejects.toMatchObject({ name });
