import synthetic.reference  # noqa: F401
