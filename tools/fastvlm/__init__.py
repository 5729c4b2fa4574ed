"""FastVLM in PyTorch: one definition in several sizes, and the scene generator for nano."""
