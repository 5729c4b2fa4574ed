/** What mask.wgsl does, to a row of logits. */
export function mask(logits: Float32Array, allowed: Uint32Array): Float32Array {
  return logits.map((logit, id) => {
    const word = allowed[Math.floor(id / 32)] ?? 0;
    return ((word >>> (id % 32)) & 1) === 1 ? logit : -Infinity;
  });
}
