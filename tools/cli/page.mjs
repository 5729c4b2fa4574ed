// @ts-check
/** The built page in a headless browser, and its element as functions. */
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { chromium } from "playwright";
import { requireBrowser, useFlags } from "./browser.mjs";
import { CliError } from "./describe-options.mjs";
import { callerFolder, dist } from "./prepare.mjs";
import { fileHandler, folderHandler, remoteHandler, serve } from "./server.mjs";

/**
 * @typedef {import("../../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {import("../../src/shared/protocol.ts").Answer} Answer
 * @typedef {import("../../src/shared/errors.ts").ErrorCode} ErrorCode
 * @typedef {{ code: ErrorCode, message: string, advice: string }} Failure
 */

/**
 * Where the page finds a model: a name, a URL or a folder.
 * @param {string} model
 * @param {Awaited<ReturnType<typeof serve>>} server
 */
function mountModel(model, server) {
  if (/^https?:\/\//i.test(model)) {
    server.mount("/remote-model/", remoteHandler(model.replace(/\/?$/, "/")));
    return "/remote-model/";
  }
  const carried = join(dist, "models", model);
  if (/^[\w.-]+$/.test(model) && existsSync(join(carried, "config.json"))) {
    return `/models/${model}/`;
  }
  const folder = resolve(callerFolder, model);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new CliError(
      "model-file-missing",
      `There is no model named "${model}" and no such folder. Name the carried model (nano), a URL, or a folder with config.json in it.`,
    );
  }
  server.mount("/local-model/", folderHandler(folder));
  return "/local-model/";
}

/**
 * Not everything thrown is a VlmError.
 * @param {Partial<Failure>} failure
 */
const toError = ({ code = "internal", message = "", advice = "" }) =>
  new CliError(code, `${message} ${advice}`.trim());

/**
 * @param {{ model: string, device: string, dtype: string }} options
 */
export async function openPage({ model, device, dtype }) {
  const executablePath = await requireBrowser();
  const server = await serve(dist);
  try {
    const query = new URLSearchParams({
      source: "none",
      load: "manual",
      model: mountModel(model, server),
      device,
      dtype,
    });
    const browser = await chromium.launch({ executablePath, args: useFlags });
    const page = await browser.newPage();
    /** @type {(text: string) => void} */
    let onToken = () => {};
    await page.exposeFunction("passToken", (/** @type {string} */ text) =>
      onToken(text),
    );
    /** @type {Promise<never>} */
    const crashed = new Promise((_, reject) => {
      page.on("crash", () =>
        reject(new CliError("internal", "The browser's page crashed.")),
      );
    });
    crashed.catch(() => {});
    await page.goto(`${server.url}?${query.toString()}`);
    await page.evaluate(() => customElements.whenDefined("fast-vlm"));

    return {
      /** @returns {Promise<ModelInfo>} */
      load: async () => {
        const result = await Promise.race([crashed, page.evaluate(loadModel)]);
        if ("error" in result) {
          // A remote model by the name its user knows.
          const { message = "", ...rest } = result.error;
          const ours = `${server.url}remote-model/`;
          const theirs = model.replace(/\/?$/, "/");
          throw toError({
            ...rest,
            message: message.replaceAll(ours, theirs),
          });
        }
        return result.info;
      },
      /**
       * @param {string} path of a picture
       * @param {AskOptions} options
       * @param {(text: string) => void} [listener] gets the text as it comes
       * @returns {Promise<Answer>}
       */
      ask: async (path, options, listener = () => {}) => {
        onToken = listener;
        server.mount("/picture", fileHandler(path));
        const request = { ...options, name: basename(path) };
        const result = await Promise.race([
          crashed,
          page.evaluate(askElement, request),
        ]);
        if ("error" in result) throw toError(result.error);
        return result.answer;
      },
      close: async () => {
        await browser.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/**
 * @typedef {object} AskOptions
 * @property {string} prompt
 * @property {number | undefined} size
 * @property {number} maxTokens
 * @property {Partial<import("../../src/shared/protocol.ts").Sampling>} [sampling]
 */

// The functions below run in the page; Playwright carries only their text.

async function loadModel() {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  try {
    return { info: await element.load() };
  } catch (thrown) {
    const { code, message, advice } = /** @type {Failure} */ (thrown);
    return { error: { code, message, advice } };
  }
}

/** @param {AskOptions & { name: string }} request */
async function askElement({ name, size, ...options }) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  const page = /** @type {{ passToken: (text: string) => void }} */ (
    /** @type {unknown} */ (window)
  );
  try {
    const response = await fetch("/picture");
    if (!response.ok) {
      const message = `${name} cannot be read.`;
      const advice = "Check its permissions.";
      return {
        error: { code: /** @type {const} */ ("bad-image"), message, advice },
      };
    }
    const file = new File([await response.blob()], name);
    const answer = await element.ask(file, {
      ...options,
      ...(size === undefined ? {} : { size }),
      onToken: (text) => page.passToken(text),
    });
    return { answer };
  } catch (thrown) {
    const { code, message, advice } = /** @type {Failure} */ (thrown);
    return { error: { code, message, advice } };
  }
}
