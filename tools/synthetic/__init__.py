"""Synthetic models: real shapes and file sizes, meaningless output. Graphs without
weights are committed; `node tools/cli/synthetic/synthetic.mjs` fills the weights in."""
