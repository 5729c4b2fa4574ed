// @ts-check
/**
 * Inlines the external data of an ONNX graph, as published graphs below 2 GB have
 * it. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */

const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_RAW_DATA = 9;
const TENSOR_EXTERNAL_DATA = 13;
const TENSOR_DATA_LOCATION = 14;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
const VARINT = 0;
const BYTES = 2;

/**
 * Literal bytes, or a range of an external data file.
 * @typedef {Uint8Array | { location: string, offset: number, length: number }} Piece
 */

/** @param {Uint8Array} bytes @param {number} at @returns {[number, number]} value, end */
function varint(bytes, at) {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) throw new Error("The ONNX graph is truncated.");
    value += (byte % 128) * scale;
    if (byte < 128) return [value, at];
  }
}

/** @param {Uint8Array} bytes */
function* fields(bytes) {
  for (let at = 0; at < bytes.length;) {
    const start = at;
    const [tag, afterTag] = varint(bytes, at);
    const wire = tag % 8;
    const [value, afterValue] =
      wire === VARINT || wire === BYTES
        ? varint(bytes, afterTag)
        : [0, afterTag + (wire === 1 ? 8 : 4)];
    at = wire === BYTES ? afterValue + value : afterValue;
    const content = bytes.subarray(afterValue, at);
    yield { field: tag >>> 3, content, whole: bytes.subarray(start, at) };
  }
}

/** Tag and length prefix of a field. @param {number} field @param {number} length */
function header(field, length) {
  const bytes = [];
  for (let rest of [field * 8 + BYTES, length]) {
    for (; rest > 127; rest = Math.floor(rest / 128)) {
      bytes.push((rest % 128) | 128);
    }
    bytes.push(rest);
  }
  return Uint8Array.from(bytes);
}

/** @param {readonly Piece[]} pieces */
export const lengthOf = (pieces) =>
  pieces.reduce((sum, { length }) => sum + length, 0);

/** @param {number} field @param {readonly Piece[]} content @returns {Piece[]} */
const wrap = (field, content) => [header(field, lengthOf(content)), ...content];

/** @param {Uint8Array} bytes of an initializer @returns {Piece[]} */
function inlineTensor(bytes) {
  /** @type {Piece[]} */
  const kept = [];
  /** @type {Record<string, string>} */
  const external = {};
  const text = new TextDecoder();
  for (const { field, content, whole } of fields(bytes)) {
    if (field === TENSOR_EXTERNAL_DATA) {
      const entry = new Map(
        [...fields(content)].map((f) => [f.field, text.decode(f.content)]),
      );
      const [key, value] = [entry.get(ENTRY_KEY), entry.get(ENTRY_VALUE)];
      if (key === undefined || value === undefined) {
        throw new Error("An external data entry of the ONNX graph is empty.");
      }
      external[key] = value;
    } else if (field !== TENSOR_DATA_LOCATION) {
      kept.push(whole);
    }
  }
  const { location, offset, length } = external;
  if (location === undefined) return [bytes];
  const data = { location, offset: Number(offset), length: Number(length) };
  return [...kept, ...wrap(TENSOR_RAW_DATA, [data])];
}

/**
 * The pieces of a model file with its weights inlined.
 * @param {Uint8Array} template @returns {Piece[]}
 */
export function inline(template) {
  return [...fields(template)].flatMap(({ field, content, whole }) => {
    if (field !== MODEL_GRAPH) return [whole];
    const graph = [...fields(content)].flatMap((part) =>
      part.field === GRAPH_INITIALIZER
        ? wrap(GRAPH_INITIALIZER, inlineTensor(part.content))
        : [part.whole],
    );
    return wrap(MODEL_GRAPH, graph);
  });
}
