import shapes.operators  # noqa: F401
