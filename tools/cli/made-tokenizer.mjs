// @ts-check
/**
 * A tokenizer of a real one's size: Qwen2's own is not ours to carry. The
 * words added are syllables, joined by a merge each like any byte-level BPE's,
 * after the merges of the drawn world, so that its sentences stay short.
 */

/**
 * @typedef {{ id: number, content: string }} Added
 * @typedef {{
 *   added_tokens: Added[],
 *   model: { vocab: Record<string, number>, merges: [string, string][] },
 * }} TokenizerJson
 * @typedef {{
 *   added_tokens_decoder: Record<string, { content: string }>,
 *   model_max_length: number,
 * }} TokenizerConfig
 */

const SYLLABLES = [..."bcdfghjklmnpqrstvwxyz"].flatMap((consonant) =>
  [..."aeiou"].map((vowel) => /** @type {const} */ ([consonant, vowel])),
);
const JOINED = SYLLABLES.map((pair) => pair.join(""));

/** Pairs to join, each of parts joined before. */
function* pairs() {
  yield* SYLLABLES;
  for (const a of JOINED)
    for (const b of JOINED) yield /** @type {const} */ ([a, b]);
  for (const a of JOINED) {
    for (const b of JOINED) {
      for (const c of JOINED) yield /** @type {const} */ ([a + b, c]);
    }
  }
}

/**
 * `json` with words up to the id `special`, and the special tokens from there.
 * @param {TokenizerJson} json @param {number} special @returns {TokenizerJson}
 */
export function extend(json, special) {
  const vocab = { ...json.model.vocab };
  const merges = [...json.model.merges];
  let next = Object.keys(vocab).length;
  for (const [a, b] of pairs()) {
    if (next === special) break;
    if (!Object.hasOwn(vocab, a + b)) vocab[a + b] = next++;
    merges.push([a, b]);
  }
  const added = json.added_tokens.map((token, i) => ({
    ...token,
    id: special + i,
  }));
  return {
    ...json,
    added_tokens: added,
    model: { ...json.model, vocab, merges },
  };
}

/**
 * The configuration that goes with it.
 * @param {TokenizerConfig} config @param {number} special @param {number} longest
 * @returns {TokenizerConfig}
 */
export function extendConfig(config, special, longest) {
  const added = Object.values(config.added_tokens_decoder).map(
    (token, i) => /** @type {const} */ ([String(special + i), token]),
  );
  return {
    ...config,
    added_tokens_decoder: Object.fromEntries(added),
    model_max_length: longest,
  };
}
