// @ts-check
/** Opens the built page in a headless browser and calls its element. */
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { CliError } from "./cli-error.mjs";
import { walk } from "./folder-files.mjs";
import { readOrigin } from "./headers.mjs";
import { findModel, requireKnown } from "./model-name.mjs";
import {
  askElement,
  callElement,
  listRegistry,
  makeFolderInput,
  setUp,
  takeFolder,
} from "./page-scripts.mjs";
import { fileHandler } from "./server.mjs";
import { openWindow } from "./window.mjs";

/**
 * @typedef {import("../../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {import("../../src/shared/protocol.ts").Answer} Answer
 * @typedef {import("../../src/shared/models.ts").ModelReport} ModelReport
 * @typedef {import("../../src/shared/models.ts").StoredModel} StoredModel
 * @typedef {import("../../src/shared/protocol.ts").LoadProgress} ProgressEvent
 * @typedef {import("./page-scripts.mjs").Failure} Failure
 * @typedef {import("./page-scripts.mjs").Question} Question
 * @typedef {Partial<Omit<Question, "names">> & Pick<Question, "prompt" | "maxTokens">} AskOptions
 */

/**
 * @param {Partial<Failure>} failure what the page threw; not always a VlmError
 */
const toError = ({ code = "internal", message = "", advice = "" }) =>
  new CliError(code, `${message} ${advice}`.trim());

/**
 * @param {object} options
 * @param {string | undefined} [options.model] name, hub id, URL or folder
 * @param {string | undefined} [options.hub] instead of https://huggingface.co
 * @param {string} options.device
 * @param {string} options.dtype
 * @param {string | undefined} [options.backend]
 * @param {number | undefined} [options.size]
 * @param {object} [listeners]
 * @param {(progress: ProgressEvent) => void} [listeners.onProgress]
 * @param {() => void} [listeners.onWait] another run uses the profile
 * @param {boolean} [listeners.usesStorage] whether it reads stored models
 */
export async function openPage(
  { model, hub, device, dtype, backend = "auto", size },
  { onProgress = () => {}, onWait, usesStorage = false } = {},
) {
  const place = findModel(model);
  const origins = [hub, place.kind === "url" ? place.model : undefined];
  const window = await openWindow({
    allow: origins.flatMap((url) => (url ? [readOrigin(url)] : [])),
    // Local models do not need the profile.
    ...(onWait && (usesStorage || !place.local) && { onWait }),
  });
  const { page, server, close } = window;
  /** @type {(text: string) => void} */
  let onToken = () => {};
  /** @type {Promise<never>} */
  const crashed = new Promise((_, reject) => {
    page.on("crash", () =>
      reject(new CliError("internal", "The page crashed.")),
    );
  });
  crashed.catch(() => {});

  /**
   * @param {Parameters<typeof callElement>[0]["method"]} method
   * @param {unknown[]} args
   * @returns {Promise<unknown>}
   */
  async function call(method, ...args) {
    const called = page.evaluate(callElement, { method, args });
    const result = await Promise.race([crashed, called]);
    if (result.error !== undefined) throw toError(result.error);
    return result.value;
  }

  /** @type {Awaited<ReturnType<typeof listRegistry>>} */
  let registry;
  try {
    await page.exposeFunction("passToken", (/** @type {string} */ text) =>
      onToken(text),
    );
    await page.exposeFunction("passProgress", onProgress);
    registry = await page.evaluate(listRegistry);
    if (place.kind === "name") requireKnown(place.model, registry);
    await page.evaluate(setUp, {
      ...{ device, dtype, backend },
      ...(place.kind !== "folder" && { model: place.model }),
      ...(hub !== undefined && { hub }),
      ...(size !== undefined && { size }),
    });
    if (place.kind === "folder") {
      // File by file, because browsers ignore the links in a folder, and hub
      // caches consist of links.
      const input = await page.evaluateHandle(makeFolderInput);
      const files = walk(place.path);
      await input.setInputFiles(files.map(({ full }) => realpathSync(full)));
      const name = basename(place.path);
      const paths = files.map(({ path }) => `${name}/${path}`);
      await page.evaluate(takeFolder, { input, paths });
    }
  } catch (error) {
    await close();
    throw error;
  }

  return {
    page,
    registry,
    close,
    load: async () => /** @type {ModelInfo} */ (await call("load")),
    /** @param {string} [other] model; by default the one of `openPage` */
    inspect: async (other) => {
      const options = other === undefined ? {} : { model: other };
      return /** @type {ModelReport} */ (await call("inspect", options));
    },
    stored: async () => /** @type {StoredModel[]} */ (await call("stored")),
    /** @param {string} key */
    remove: (key) => call("removeStored", key),
    /** @param {string} id of the licence */
    accept: (id) => call("acceptLicense", id),
    /**
     * @param {string | readonly string[]} paths of the images
     * @param {AskOptions} options
     * @param {(text: string) => void} [listener] receives the text of each token
     * @returns {Promise<Answer>}
     */
    ask: async (paths, options, listener = () => {}) => {
      onToken = listener;
      const images = [paths].flat();
      for (const [index, path] of images.entries()) {
        server.mount(`/image/${index}/`, fileHandler(path));
      }
      const asked = page.evaluate(askElement, {
        ...{ messages: [], size: undefined },
        ...options,
        names: images.map((path) => basename(path)),
      });
      const result = await Promise.race([crashed, asked]);
      if (result.error !== undefined) throw toError(result.error);
      return result.answer;
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openPage>>} Page */
