// @ts-check
/** The built page in a headless browser, and its element as functions. */
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { CliError } from "./describe-options.mjs";
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
 * Not everything thrown is a VlmError.
 * @param {Partial<Failure>} failure
 */
const toError = ({ code = "internal", message = "", advice = "" }) =>
  new CliError(code, `${message} ${advice}`.trim());

/**
 * @param {object} options
 * @param {string} [options.model] a name, a hub's id, a URL or a folder
 * @param {string} [options.hub] another endpoint than huggingface.co
 * @param {string} options.device
 * @param {string} options.dtype
 * @param {string} [options.path]
 * @param {number | undefined} [options.size]
 * @param {object} [listeners]
 * @param {(progress: ProgressEvent) => void} [listeners.onProgress]
 * @param {() => void} [listeners.onWait] another run holds what is kept
 * @param {boolean} [listeners.kept] whether it is about what is kept
 */
export async function openPage(
  { model, hub, device, dtype, path = "auto", size },
  { onProgress = () => {}, onWait, kept = false } = {},
) {
  const place = findModel(model);
  const origins = [hub, place.kind === "url" ? place.model : undefined];
  const window = await openWindow({
    allow: origins.flatMap((url) => (url ? [readOrigin(url)] : [])),
    // Models that are here already can do without what is kept.
    ...(onWait && (kept || !place.here) && { onWait }),
  });
  const { page, server, close } = window;
  /** @type {(text: string) => void} */
  let onToken = () => {};
  /** @type {Promise<never>} */
  const crashed = new Promise((_, reject) => {
    page.on("crash", () =>
      reject(new CliError("internal", "The browser's page crashed.")),
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
      ...{ device, dtype, path },
      ...(place.kind !== "folder" && { model: place.model }),
      ...(hub !== undefined && { hub }),
      ...(size !== undefined && { size }),
    });
    if (place.kind === "folder") {
      // One by one, because a browser leaves out the links of a folder, and
      // caches of models are made of links.
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
    /** Of another model than the one it was opened with, if named. @param {string} [other] */
    inspect: async (other) => {
      const options = other === undefined ? {} : { model: other };
      return /** @type {ModelReport} */ (await call("inspect", options));
    },
    stored: async () => /** @type {StoredModel[]} */ (await call("stored")),
    /** @param {string} key */
    remove: (key) => call("removeStored", key),
    /** @param {string} id of a licence */
    accept: (id) => call("acceptLicense", id),
    /**
     * @param {string | readonly string[]} paths of the pictures
     * @param {AskOptions} options
     * @param {(text: string) => void} [listener] gets the text as it comes
     * @returns {Promise<Answer>}
     */
    ask: async (paths, options, listener = () => {}) => {
      onToken = listener;
      const pictures = [paths].flat();
      for (const [index, path] of pictures.entries()) {
        server.mount(`/picture/${index}/`, fileHandler(path));
      }
      const asked = page.evaluate(askElement, {
        ...{ messages: [], size: undefined },
        ...options,
        names: pictures.map((path) => basename(path)),
      });
      const result = await Promise.race([crashed, asked]);
      if (result.error !== undefined) throw toError(result.error);
      return result.answer;
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openPage>>} Page */
