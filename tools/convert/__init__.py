"""A Hugging Face checkpoint of FastVLM in, a folder of published ONNX graphs
out. `python tools/convert --help`"""
