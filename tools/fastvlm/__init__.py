"""FastVLM in PyTorch: one definition, several sizes, and the drawn world."""
