// @ts-check
/** Functions that Playwright runs in the page; they cannot use imports. */

/**
 * @typedef {import("../../src/shared/errors.ts").ErrorCode} ErrorCode
 * @typedef {{ code: ErrorCode, message: string, advice: string }} Failure
 * @typedef {{ role: "user" | "assistant", text: string }} Turn
 *
 * @typedef {object} Setup properties of the element
 * @property {string} [model]
 * @property {string} [hub]
 * @property {string} device
 * @property {string} dtype
 * @property {string} backend
 * @property {number} [size]
 *
 * @typedef {object} Question
 * @property {readonly string[]} names of the images, in order
 * @property {string} prompt
 * @property {readonly Turn[]} messages
 * @property {number | undefined} size
 * @property {number} maxTokens
 * @property {Partial<import("../../src/shared/protocol.ts").Sampling>} [sampling]
 * @property {import("../../src/shared/protocol.ts").Fit} [fit]
 * @property {string} [background]
 * @property {boolean} [anyres]
 * @property {import("../../src/shared/protocol.ts").PromptStyle} [promptStyle]
 *
 * @typedef {object} Bridge functions of the command line that the page calls
 * @property {(text: string) => void} passToken
 * @property {(progress: import("../../src/shared/protocol.ts").LoadProgress) => void} passProgress
 * @property {readonly File[]} [images] of the current conversation
 */

/** @param {Setup} setup */
export function setUp(setup) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  Object.assign(element, setup);
  const page = /** @type {Bridge} */ (/** @type {unknown} */ (window));
  element.addEventListener("modelprogress", ({ detail }) =>
    page.passProgress(detail),
  );
}

/** The page's model registry. */
export function listRegistry() {
  const { registry } =
    /** @type {{ registry: readonly import("../../src/index.ts").RegistryEntry[] }} */ (
      /** @type {unknown} */ (customElements.get("fast-vlm"))
    );
  return registry.map(({ name, bundled = false }) => ({ name, bundled }));
}

/** Creates a file input for the files of a folder. */
export function makeFolderInput() {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.hidden = true;
  document.body.append(input);
  return input;
}

/** @param {{ input: HTMLInputElement, paths: readonly string[] }} folder */
export function takeFolder({ input, paths }) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  element.folder = [...(input.files ?? [])].map((file, index) => ({
    path: paths[index] ?? file.name,
    file,
  }));
}

/**
 * Calls a method of the element. Returns errors as plain data, since Playwright
 * transfers only the message of a thrown error.
 * @param {{ method: "load" | "inspect" | "stored" | "removeStored" | "acceptLicense" | "cancelLoad", args: unknown[] }} call
 */
export async function callElement({ method, args }) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  /** @type {unknown} */
  const found = Reflect.get(element, method);
  const call = /** @type {(...args: unknown[]) => unknown} */ (found);
  try {
    return { value: await Reflect.apply(call, element, args) };
  } catch (thrown) {
    const { code, message, advice } = /** @type {Failure} */ (thrown);
    return { error: { code, message, advice } };
  }
}

/**
 * Asks a question. Follow-up questions reuse the same File objects, so that their
 * image features are cached.
 * @param {Question} question
 */
export async function askElement({
  names,
  prompt,
  size,
  promptStyle,
  ...options
}) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  const page = /** @type {Bridge} */ (/** @type {unknown} */ (window));
  try {
    const previous = options.messages.length > 0 ? page.images : undefined;
    /** @type {File[]} */
    const files = [...(previous ?? [])];
    for (const [index, name] of previous ? [] : names.entries()) {
      const response = await fetch(`/image/${index}/`);
      if (!response.ok) {
        const message = `Cannot read ${name}.`;
        const advice = "Check the file permissions.";
        const code = /** @type {const} */ ("bad-image");
        return { error: { code, message, advice } };
      }
      files.push(new File([await response.blob()], name));
    }
    page.images = files;
    // The images belong to the first question of the conversation.
    const [first, ...others] = options.messages;
    const messages = first ? [{ ...first, images: files }, ...others] : [];
    const answer = await element.ask(prompt, {
      ...options,
      messages,
      source: first ? [] : files,
      ...(size === undefined ? {} : { size }),
      ...(promptStyle === undefined ? {} : { promptStyle }),
      onToken: (text) => page.passToken(text),
    });
    return { answer };
  } catch (thrown) {
    const { code, message, advice } = /** @type {Failure} */ (thrown);
    return { error: { code, message, advice } };
  }
}

/**
 * Resolves with the model's facts when no backend is being prepared for it: later
 * requests use the one that it has.
 * @returns {Promise<import("../../src/index.ts").ModelInfo>}
 */
export function waitForBackend() {
  return new Promise((resolve, reject) => {
    const element = document.querySelector("fast-vlm");
    const info = element?.info;
    if (!element || !info) reject(new Error("No model is loaded."));
    else if (info.preparing === undefined) resolve(info);
    else {
      element.addEventListener(
        "backendchange",
        ({ detail }) => {
          resolve(detail);
        },
        { once: true },
      );
    }
  });
}
