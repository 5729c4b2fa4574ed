// @ts-check
/**
 * Extends nano's tokenizer to the size of Qwen2's, which is not included in this
 * repository. The added words are syllables, each joined by a byte-level BPE merge
 * after nano's own merges, so nano's sentences keep their tokens.
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

/** Pairs to merge, in order: both parts are results of earlier merges. */
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
 * Adds words up to the id `special`, and the special tokens from there.
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
 * The tokenizer configuration for `extend`.
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
