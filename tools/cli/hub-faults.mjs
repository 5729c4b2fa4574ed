// @ts-check
/** The faults that the hub of `npm run hub` can be asked for. */
import { globPattern } from "./hub-glob.mjs";

/** kind → what its value is, if it takes one, and what happens. */
export const faultKinds = /** @type {const} */ ({
  cut: ["N", "the connection ends after N bytes of an answer"],
  stall: ["N", "nothing more comes after N bytes of an answer"],
  slow: ["N", "each answer comes at N bytes a second"],
  status: ["CODE", "answers with that status, e.g. 500"],
  busy: ["SECONDS", "answers 429 with Retry-After"],
  flip: ["OFFSET", "that byte of the file is another one"],
  length: [
    "DELTA",
    "Content-Length is that much too big, or too small below 0",
  ],
  "wrong-size": ["DELTA", "the hub's record of the size is off by that much"],
  "wrong-sha": ["", "the hub's record of the hash is another one"],
  redirect: ["path|port", "to elsewhere on this server, or to another port"],
  "no-ranges": ["", "answers with the whole file whatever is asked"],
  missing: ["", "the file is on record, and is not there"],
  hang: ["", "no answer ever"],
  "no-api": ["", "there is no /api"],
});

/**
 * @typedef {keyof typeof faultKinds} FaultKind
 * @typedef {object} Fault
 * @property {FaultKind} kind
 * @property {number | string} [value]
 * @property {string} [file] glob; without a slash it is of the name alone
 * @property {number} [times] how often; always, if absent
 */

/** @param {unknown} given @returns {Fault} @throws if it is not one */
export function checkFault(given) {
  const { kind, value, file, times, ...rest } =
    /** @type {Record<string, unknown>} */ (given ?? {});
  const [other] = Object.keys(rest);
  if (other !== undefined) throw new Error(`A fault has no "${other}".`);
  if (typeof kind !== "string" || !(kind in faultKinds)) {
    const kinds = Object.keys(faultKinds).join(", ");
    throw new Error(`There is no fault "${String(kind)}"; there are ${kinds}.`);
  }
  const known = /** @type {FaultKind} */ (kind);
  if (!takesValue(known, value)) {
    const hint = faultKinds[known][0] || "no value";
    throw new Error(`The fault ${kind} takes ${hint}, not ${String(value)}.`);
  }
  if (file !== undefined && typeof file !== "string") {
    throw new Error("The file of a fault is a glob.");
  }
  if (times !== undefined && !(Number.isInteger(times) && Number(times) > 0)) {
    throw new Error("The times of a fault are a whole number above 0.");
  }
  return /** @type {Fault} */ (given);
}

/** @param {FaultKind} kind @param {unknown} value */
function takesValue(kind, value) {
  if (faultKinds[kind][0] === "") return value === undefined;
  if (kind === "redirect") return value === "path" || value === "port";
  if (!Number.isInteger(value)) return false;
  const signed = kind === "length" || kind === "wrong-size";
  if (kind === "status") return Number(value) >= 400 && Number(value) <= 599;
  return signed ? value !== 0 : Number(value) >= (kind === "slow" ? 1 : 0);
}

/** `cut=100000,file=*.onnx,times=1` @param {string} text @returns {Fault} */
export function parseFault(text) {
  const [first = "", ...others] = text.split(",").map((part) => part.trim());
  const [kind, value] = pair(first);
  const rest = Object.fromEntries(others.map(pair));
  return checkFault({ kind, ...(value !== undefined && { value }), ...rest });
}

/** @param {string} part @returns {[string, string | number | undefined]} */
function pair(part) {
  const at = part.indexOf("=");
  if (at < 0) return [part, undefined];
  const value = part.slice(at + 1);
  const number = /^[+-]?\d+$/.test(value) ? Number(value) : value;
  return [part.slice(0, at), number];
}

/** Which faults are left to happen. */
export class Faults {
  /** @type {{ fault: Fault, pattern: RegExp, left: number }[]} */
  #waiting = [];

  /** @param {Fault} fault */
  add(fault) {
    const checked = checkFault(fault);
    const pattern = globPattern(checked.file ?? "**");
    this.#waiting.push({
      fault: checked,
      pattern,
      left: checked.times ?? Infinity,
    });
  }

  clear() {
    this.#waiting = [];
  }

  /** Those still to happen, `times` as often as is left. */
  list() {
    return this.#waiting.map(({ fault, left }) =>
      left === Infinity ? fault : { ...fault, times: left },
    );
  }

  /**
   * The value of a fault that happens now, `true` for one without a value.
   * @param {FaultKind} kind
   * @param {string} file
   * @param {(value: number) => boolean} [applies] a fault that would show
   * nothing is left for the next request
   */
  take(kind, file, applies = () => true) {
    const found = this.#waiting.find(
      ({ fault, pattern }) =>
        fault.kind === kind &&
        pattern.test(file) &&
        applies(Number(fault.value)),
    );
    if (found === undefined) return undefined;
    found.left--;
    if (found.left === 0) {
      this.#waiting = this.#waiting.filter((other) => other !== found);
    }
    return found.fault.value ?? true;
  }

  /** As `take`, of a kind with a number. @param {FaultKind} kind @param {string} file @param {(value: number) => boolean} [applies] */
  takeNumber(kind, file, applies) {
    const value = this.take(kind, file, applies);
    return value === undefined ? undefined : Number(value);
  }
}
