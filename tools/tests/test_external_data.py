"""Graph files are self-contained below a size limit and have external data above it."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from model_fixtures import small_config, synthetic_vlm

from fastvlm.model_folder import write_graph
from fastvlm.graphs import BUILDERS, DTYPES, SUFFIXES
from fastvlm.graphs.builder import F32, Graph, value
from fastvlm.graphs.split_layers import split_layers
from fastvlm.graphs.external_data import ALIGNMENT, ExternalData, external_files, load_structure
from fastvlm.model import FastVlm
from fastvlm.onnx_model import Decoder, OnnxModel


@pytest.fixture(scope="module")
def model() -> FastVlm:
    model = synthetic_vlm(small_config(False))
    model.vision_tower.fold()
    return model


@pytest.mark.parametrize("graph", BUILDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_writes_the_same_file_as_protobuf(
    model: FastVlm, graph: str, dtype: str, tmp_path: Path
) -> None:
    path = write_graph(model, tmp_path, graph, dtype)
    assert path == tmp_path / "onnx" / f"{graph}{SUFFIXES[dtype]}.onnx"
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    wanted = BUILDERS[graph](model, dtype)
    assert onnx.load(path) == wanted
    assert path.stat().st_size == wanted.ByteSize()


def test_external_data_is_split_and_aligned(model: FastVlm, tmp_path: Path) -> None:
    limits = {"inline_limit": 10_000, "file_limit": 200_000}
    path = write_graph(model, tmp_path, "decoder_model_merged", "fp32", **limits)
    structure = load_structure(path)
    names = external_files(structure)
    assert names[:3] == [f"{path.name}_data{ending}" for ending in ("", "_1", "_2")]
    assert sorted(p.name for p in path.parent.iterdir()) == sorted([path.name, *names])
    assert path.stat().st_size < 20_000
    for tensor in structure.graph.initializer:
        place = {e.key: e.value for e in tensor.external_data}
        if not place:
            assert len(tensor.raw_data) < 1024
            continue
        file = path.parent / place["location"]
        assert int(place["offset"]) % ALIGNMENT == 0
        assert int(place["offset"]) + int(place["length"]) <= file.stat().st_size
        assert file.stat().st_size <= limits["file_limit"]
    whole = onnx.load(path)
    wanted = BUILDERS["decoder_model_merged"](model)
    for got, tensor in zip(whole.graph.initializer, wanted.graph.initializer, strict=True):
        assert got.raw_data == tensor.raw_data
    assert ort.InferenceSession(path).get_outputs()[0].name == "logits"


def test_rejects_a_tensor_of_another_size(tmp_path: Path) -> None:
    tensor = onnx.TensorProto(name="w")
    with pytest.raises(ValueError, match="w: 2000 bytes instead of 4000"):
        ExternalData(tmp_path / "x.onnx").add(tensor, 4000, [bytes(2000)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_layer_graphs_compute_what_the_whole_computes(
    model: FastVlm, dtype: str, tmp_path: Path
) -> None:
    limits = {"inline_limit": 10_000, "file_limit": 200_000}
    path = write_graph(model, tmp_path, "decoder_model_merged", dtype, **limits)
    assert len(split_layers(load_structure(path))) == model.cfg.text.layers + 1
    whole, pieces = Decoder(path), Decoder(path, whole=False)
    x = torch.randn(1, 7, model.cfg.text.hidden).numpy()
    wanted, past = whole.forward(x, whole.empty_cache())
    got, cache = pieces.forward(x, pieces.empty_cache())
    # ONNX Runtime may fuse, and so round, the whole graph differently.
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if dtype in ("fp32", "q4") else {"atol": 0.03}
    np.testing.assert_allclose(got, wanted, **tolerance)
    assert cache.keys() == past.keys()
    for key in cache:
        np.testing.assert_allclose(cache[key], past[key], **tolerance)


@pytest.mark.parametrize("dtype", ["fp16", "q4f16"])
def test_half_precision_keeps_float32_inputs_and_outputs(
    model: FastVlm, dtype: str, tmp_path: Path
) -> None:
    for graph in BUILDERS:
        write_graph(model, tmp_path, graph, dtype)
    exported = OnnxModel(tmp_path, SUFFIXES[dtype])
    sessions = (exported.vision, exported.embedding, exported.decoder.session)
    types = {
        v.name: v.type for s in sessions for v in (*s.get_inputs(), *s.get_outputs())
    }
    for name in ("pixel_values", "image_features", "inputs_embeds", "logits"):
        assert types.pop(name) == "tensor(float)"
    for name in ("input_ids", "attention_mask", "position_ids"):
        assert types.pop(name) == "tensor(int64)"
    assert set(types.values()) == {"tensor(float16)"}
    assert len(types) == 4 * model.cfg.text.layers
    reals = {
        w.data_type
        for path in (tmp_path / "onnx").iterdir()
        for w in onnx.load(path).graph.initializer
    }
    assert onnx.TensorProto.FLOAT not in reals
    assert onnx.TensorProto.FLOAT16 in reals
    pixels = torch.rand(1, 3, 128, 64)
    with torch.inference_mode():
        wanted = model.image_features(pixels).numpy()
    error = np.abs(exported.image_features(pixels.numpy()) - wanted).max()
    assert error / np.abs(wanted).max() <= (0.01 if dtype == "fp16" else 0.3)


def test_names_a_weight_beyond_float16() -> None:
    g = Graph("linear", "fp16")
    with pytest.raises(OverflowError, match="linear.weight has values beyond the range of float16"):
        g.linear("x", "linear", torch.full((2, 3), 70_000.0))


def test_rejects_an_unknown_dtype() -> None:
    with pytest.raises(ValueError, match="int8"):
        Graph("linear", "int8")


def test_weights_are_converted_in_parts() -> None:
    """A matrix larger than CHUNK, transposed and quantised."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn((2000, 640), generator=random).to(torch.bfloat16)
    x = torch.randn((3, 640), generator=random)
    wanted = (x @ weight.float().T).numpy()
    for dtype, tolerance in (("fp32", 1e-4), ("q4", 0.2)):
        g = Graph("linear", dtype)
        g.linear("x", "linear", weight)
        model = g.model([value("x", F32, 3, 640)], [value("linear", F32, 3, 2000)])
        session = ort.InferenceSession(model.SerializeToString())
        got = session.run(None, {"x": x.numpy()})[0]
        error = np.sqrt(((got - wanted) ** 2).mean() / (wanted**2).mean())
        assert error <= tolerance
