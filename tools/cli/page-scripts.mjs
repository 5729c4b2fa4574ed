// @ts-check
/** What runs in the page; Playwright carries only the text of each function. */

/**
 * @typedef {import("../../src/shared/errors.ts").ErrorCode} ErrorCode
 * @typedef {{ code: ErrorCode, message: string, advice: string }} Failure
 * @typedef {{ role: "user" | "assistant", text: string, images: number }} Turn
 *
 * @typedef {object} Setup of the element
 * @property {string} [model]
 * @property {string} [hub]
 * @property {string} device
 * @property {string} dtype
 * @property {string} path
 * @property {number} [size]
 *
 * @typedef {object} Question
 * @property {readonly string[]} names of the pictures, in their order
 * @property {string} prompt
 * @property {readonly Turn[]} messages
 * @property {number | undefined} size
 * @property {number} maxTokens
 * @property {Partial<import("../../src/shared/protocol.ts").Sampling>} [sampling]
 * @property {import("../../src/shared/protocol.ts").Fit} [fit]
 * @property {boolean} [anyres]
 * @property {import("../../src/shared/protocol.ts").PromptStyle} [style]
 *
 * @typedef {object} Passing functions of the command line, for the page
 * @property {(text: string) => void} passToken
 * @property {(progress: import("../../src/shared/protocol.ts").LoadProgress) => void} passProgress
 * @property {readonly File[]} [asked] the pictures of the present conversation
 */

/** @param {Setup} setup */
export function setUp(setup) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  Object.assign(element, setup);
  const page = /** @type {Passing} */ (/** @type {unknown} */ (window));
  element.addEventListener("modelprogress", ({ detail }) =>
    page.passProgress(detail),
  );
}

/** Names of models that the page knows, and of the one that it carries. */
export function listRegistry() {
  const { registry } =
    /** @type {{ registry: readonly import("../../src/index.ts").RegistryEntry[] }} */ (
      /** @type {unknown} */ (customElements.get("fast-vlm"))
    );
  return registry.map(({ name, bundled = false }) => ({ name, bundled }));
}

/** An input to be filled from outside with the files of a folder. */
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
 * Calls a method of the element; the failure as plain data, because Playwright
 * keeps only messages.
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
 * A further turn about the same pictures hands over the same files: the model
 * then knows what it has seen.
 * @param {Question} question
 */
export async function askElement({ names, prompt, size, ...options }) {
  const element = document.querySelector("fast-vlm");
  if (element === null) throw new Error("The page has no <fast-vlm>.");
  const page = /** @type {Passing} */ (/** @type {unknown} */ (window));
  try {
    const goesOn = options.messages.length > 0 && page.asked !== undefined;
    /** @type {File[]} */
    const files = goesOn ? [...(page.asked ?? [])] : [];
    for (const [index, name] of goesOn ? [] : names.entries()) {
      const response = await fetch(`/picture/${index}/`);
      if (!response.ok) {
        const message = `${name} cannot be read.`;
        const advice = "Check its permissions.";
        const code = /** @type {const} */ ("bad-image");
        return { error: { code, message, advice } };
      }
      files.push(new File([await response.blob()], name));
    }
    page.asked = files;
    const answer = await element.ask(prompt, {
      ...options,
      source: files,
      ...(size === undefined ? {} : { size }),
      onToken: (text) => page.passToken(text),
    });
    return { answer };
  } catch (thrown) {
    const { code, message, advice } = /** @type {Failure} */ (thrown);
    return { error: { code, message, advice } };
  }
}
