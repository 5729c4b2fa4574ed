"""Models of true shapes with made weights: graphs without data, and how each
of their tensors is filled. `node tools/cli/made.mjs` writes them out."""
