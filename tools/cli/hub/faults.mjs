// @ts-check
/** Faults of the hub, on demand. */

/** Fault kind → its value, if it takes one, and its effect. */
export const faultKinds = /** @type {const} */ ({
  cut: ["N", "the connection breaks after N bytes of a body"],
  end: ["N", "the body ends after N bytes, without an error"],
  stall: ["N", "nothing more arrives after N bytes of a body"],
  slow: ["N", "bodies arrive at N bytes per second"],
  status: ["CODE", "answers with the status CODE, e.g. 500"],
  busy: ["SECONDS", "answers 429: the rate limit is reached for SECONDS"],
  gated: ["", "answers 401: access to the model has to be requested"],
  expired: ["", "the signature of the redirect has expired"],
  flip: ["OFFSET", "the byte at OFFSET of the file is damaged"],
  length: ["DELTA", "Content-Length is wrong by DELTA bytes"],
  "wrong-size": ["DELTA", "the size in the file list is wrong by DELTA bytes"],
  "wrong-sha": ["", "the hash in the file list is wrong"],
  direct: ["", "sends large files without a redirect, like simple mirrors"],
  "no-ranges": ["", "answers range requests with the whole file"],
  chunked: ["", "answers without Content-Length, and ignores ranges"],
  missing: ["", "the file is listed, but does not exist"],
  page: ["", "answers with an HTML page, like the login page of a network"],
  hang: ["", "never answers"],
  reset: ["", "resets the connection"],
  "no-api": ["", "the hub has no /api"],
});

/**
 * @typedef {keyof typeof faultKinds} FaultKind
 * @typedef {object} Fault
 * @property {FaultKind} kind
 * @property {number} [value]
 * @property {string} [file] glob; without a slash it matches the name alone
 * @property {number} [times] how often; unlimited by default
 *
 * @typedef {(kind: FaultKind, file: string, applies?: (value: number) => boolean) => number | true | undefined} TakeFault
 */

/** @param {unknown} given @returns {Fault} @throws if it is invalid */
export function checkFault(given) {
  const { kind, value, file, times, ...rest } =
    /** @type {Record<string, unknown>} */ (given ?? {});
  const [other] = Object.keys(rest);
  if (other !== undefined) throw new Error(`Unknown fault field "${other}".`);
  if (typeof kind !== "string" || !Object.hasOwn(faultKinds, kind)) {
    const kinds = Object.keys(faultKinds).join(", ");
    throw new Error(`Unknown fault "${String(kind)}". Faults are: ${kinds}.`);
  }
  const known = /** @type {FaultKind} */ (kind);
  if (!isFaultValue(known, value)) {
    const hint = faultKinds[known][0] || "no value";
    throw new Error(`The fault ${kind} takes ${hint}, not ${String(value)}.`);
  }
  if (file !== undefined && typeof file !== "string") {
    throw new Error("The file of a fault must be a glob.");
  }
  if (times !== undefined && !(Number.isInteger(times) && Number(times) > 0)) {
    throw new Error("times of a fault must be an integer above 0.");
  }
  return /** @type {Fault} */ (given);
}

/** @param {FaultKind} kind @param {unknown} value */
function isFaultValue(kind, value) {
  if (faultKinds[kind][0] === "") return value === undefined;
  if (!Number.isInteger(value)) return false;
  const signed = kind === "length" || kind === "wrong-size";
  if (kind === "status") return Number(value) >= 400 && Number(value) <= 599;
  return signed ? value !== 0 : Number(value) >= (kind === "slow" ? 1 : 0);
}

/** Parses `cut=100000,file=*.onnx,times=1`. @param {string} text @returns {Fault} */
export function parseFault(text) {
  const pairs = text.split(",").map((part) => {
    const [name = "", value] = part.trim().split(/=(.*)/s, 2);
    const number = value !== undefined && /^[+-]?\d+$/.test(value);
    return /** @type {const} */ ([name, number ? Number(value) : value]);
  });
  const [[kind, value] = ["", undefined], ...others] = pairs;
  const rest = Object.fromEntries(others);
  return checkFault({ kind, ...(value !== undefined && { value }), ...rest });
}

/** `*` and `?` match within a folder, `**` across folders. @param {string} glob */
export function globPattern(glob) {
  const source = glob.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\${part}`;
  });
  return new RegExp(glob.includes("/") ? `^${source}$` : `(?:^|/)${source}$`);
}

/** The faults that are still to happen. */
export class Faults {
  /** @type {{ fault: Fault, pattern: RegExp, left: number }[]} */
  #pending = [];

  /** @param {Fault} fault */
  add(fault) {
    const { file = "**", times = Infinity } = checkFault(fault);
    this.#pending.push({ fault, pattern: globPattern(file), left: times });
  }

  clear() {
    this.#pending = [];
  }

  list() {
    return this.#pending.map(({ fault, left }) =>
      left === Infinity ? fault : { ...fault, times: left },
    );
  }

  /**
   * Takes the value of a fault that happens now; `true` for one without a value.
   * @param {FaultKind} kind
   * @param {string} file
   * @param {(value: number) => boolean} [applies] false keeps the fault for a
   * later request
   */
  take(kind, file, applies = () => true) {
    const found = this.#pending.find(
      ({ fault, pattern }) =>
        fault.kind === kind &&
        pattern.test(file) &&
        applies(Number(fault.value)),
    );
    if (found === undefined) return undefined;
    found.left--;
    if (found.left === 0) {
      this.#pending = this.#pending.filter((other) => other !== found);
    }
    return found.fault.value ?? true;
  }
}
