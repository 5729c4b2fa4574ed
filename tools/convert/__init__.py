"""Converts a Hugging Face checkpoint of FastVLM to a folder of ONNX graphs.
See `python tools/convert --help`."""
