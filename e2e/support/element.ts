import type { Page } from "@playwright/test";
import type { AskOptions } from "../../src/index.ts";
import type { ErrorCode } from "../../src/shared/errors.ts";
import type { Answer, ModelInfo } from "../../src/shared/protocol.ts";
import { callElement, waitForBackend } from "../../tools/cli/page-scripts.mjs";

interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
}
export type Outcome<T> = { readonly value: T } | { readonly error: Failure };

export interface OpenOptions {
  readonly model?: string;
  readonly hub?: string;
  /** `manual` also prevents registering the service worker. */
  readonly loading?: string;
  readonly device?: string;
  readonly dtype?: string;
  readonly backend?: string;
}

/** Opens the page without a source, and without loading the model. */
export async function openQuiet(
  page: Page,
  {
    model = "/models/nano/",
    hub = "",
    loading = "manual",
    device = "wasm",
    dtype = "fp32",
    backend = "auto",
  }: OpenOptions = {},
): Promise<void> {
  const query = new URLSearchParams({
    source: "none",
    ...{ loading, model, hub, device, dtype, backend },
  });
  await page.goto(`/?${query.toString()}`);
  await page.evaluate(() => customElements.whenDefined("fast-vlm"));
}

type Call = Parameters<typeof callElement>[0];

/** Calls a method of the element. Returns errors as plain data, since Playwright
 * transfers only messages. */
export async function call<T>(
  page: Page,
  method: Call["method"],
  ...args: Call["args"]
): Promise<Outcome<T>> {
  return (await page.evaluate(callElement, { method, args })) as Outcome<T>;
}

/** Loads the model, and waits for the backend that later requests use. */
export async function load(page: Page): Promise<Outcome<ModelInfo>> {
  const loaded = await call<ModelInfo>(page, "load");
  if ("error" in loaded || loaded.value.preparing === undefined) return loaded;
  const value = await page.evaluate(waitForBackend);
  return { value };
}

type Plain = Pick<AskOptions, "size" | "maxTokens" | "sampling"> & {
  readonly prompt?: string;
};

export function ask(
  page: Page,
  image: { readonly name: string; readonly bytes: Buffer },
  options: Plain = {},
): Promise<Outcome<Answer>> {
  const data = image.bytes.toString("base64");
  return page.evaluate(
    async ({ data, name, options }) => {
      const element = document.querySelector("fast-vlm");
      if (!element) throw new Error("no <fast-vlm>");
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      const source = new File([bytes], name);
      const { prompt, ...rest } = options;
      try {
        return { value: await element.ask(prompt, { ...rest, source }) };
      } catch (thrown) {
        const { code, message, advice } = thrown as Failure;
        return { error: { code, message, advice } };
      }
    },
    { data, name: image.name, options },
  );
}

export function valueOf<T>(outcome: Outcome<T>): T {
  if ("value" in outcome) return outcome.value;
  throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
}

export function errorOf<T>(outcome: Outcome<T>): Failure {
  if ("error" in outcome) return outcome.error;
  throw new Error(`no error, but ${JSON.stringify(outcome.value)}`);
}
