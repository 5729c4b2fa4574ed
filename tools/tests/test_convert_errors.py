"""Errors of the converter; a failed conversion leaves no files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from checkpoint_fixtures import checkpoint, edit_json, edit_tensors, options

from convert import convert as converting
from convert.convert import convert
from convert.checkpoint import ConvertError
from convert.tensor_names import APPLE
from fastvlm.model import FastVlm


def without(name: str) -> Callable[[Path], None]:
    return lambda source: edit_tensors(source, lambda t: t.__delitem__(name))


def with_tensor(name: str, tensor: torch.Tensor) -> Callable[[Path], None]:
    return lambda source: edit_tensors(source, lambda t: t.update({name: tensor}))


def with_config(**fields: object) -> Callable[[Path], None]:
    return lambda source: edit_json(source / "config.json", **fields)


def cut_short(source: Path) -> None:
    file = source / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def leave_adapter(source: Path) -> None:
    """An adapter folder as PEFT saves it: no weights and no config.json."""
    (source / "model.safetensors").rename(source / "adapter_model.safetensors")
    (source / "config.json").rename(source / "adapter_config.json")


UP = "model.layers.1.mlp.up_proj.weight"
FAULTS = {
    f"tensor {UP} is missing$": without(UP),
    "tensor model.vision_tower.vision_tower.model.network.3.proj.0.lkb_reparam.weight is "
    "missing$": without(APPLE.theirs("vision_tower.stages.2.downsample.proj.0.reparam_conv.weight")),
    "tensor model.image_newline is unexpected": with_tensor(
        "model.image_newline", torch.zeros(64)
    ),
    f"tensor {UP} has shape .127, 64. instead of .128, 64.": with_tensor(UP, torch.zeros(127, 64)),
    f"{UP} is I8: only float32": with_tensor(UP, torch.zeros((128, 64), dtype=torch.int8)),
    f"{UP} in model.safetensors contains NaN or infinity": with_tensor(
        UP, torch.full((128, 64), torch.nan)
    ),
    "model.safetensors cannot be read": cut_short,
    "no .*safetensors": lambda source: (source / "model.safetensors").unlink(),
    "num_hidden_layers is 3, but the tensors or graphs need 2": with_config(num_hidden_layers=3),
    "5 attention heads do not divide the 64 rows": with_config(num_attention_heads=5),
    "hidden_act is gelu": with_config(hidden_act="gelu"),
    "rope type yarn is not supported": with_config(rope_scaling={"rope_type": "yarn"}),
    "contains a LoRA adapter without the model's weights. Merge the adapter first": leave_adapter,
    "contains tensor .*up_proj.lora_A.weight of a LoRA adapter. Merge the adapter": with_tensor(
        "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight", torch.zeros(4, 64)
    ),
    "the image size is 100, not a multiple of 64": lambda source: edit_json(
        source / "preprocessor_config.json", size=100
    ),
    "config.json is missing": lambda source: (source / "config.json").unlink(),
    "config.json is not JSON": lambda source: (source / "config.json").write_text("{"),
    "tokenizer.json cannot be read": lambda s: (s / "tokenizer.json").write_text("{}"),
    "image_mean is .0.48": lambda source: edit_json(
        source / "preprocessor_config.json", image_mean=[0.48, 0.45, 0.4]
    ),
    "part-2.safetensors is missing, but listed in model.safetensors.index.json": lambda source: (
        edit_json(
            source / "model.safetensors.index.json",
            weight_map={UP: "model.safetensors", "lm_head.weight": "part-2.safetensors"},
        )
    ),
    "does not contain tensor model.gone, which is listed in model.safetensors.index.json": lambda source: (
        edit_json(
            source / "model.safetensors.index.json",
            weight_map={"model.gone": "model.safetensors"},
        )
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_rejects(message: str, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    FAULTS[message](source)
    with pytest.raises(ConvertError, match=message):
        convert(options(source), lambda _: None)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_rejects_values_beyond_float16(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    norm = "model.layers.0.input_layernorm.weight"
    edit_tensors(source, lambda t: t[norm].mul_(1e5))
    with pytest.raises(ConvertError, match="exceed float16's 65504. Remove fp16"):
        convert(options(source, ("fp32", "fp16")), lambda _: None)
    assert not (tmp_path / "out").exists()
    convert(options(source), lambda _: None)


@pytest.mark.parametrize("dtype, limit", [("fp32", "0.0001"), ("q4", "0.75")])
def test_rejects_a_graph_with_wrong_outputs(
    dtype: str, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, right = checkpoint(tmp_path / "in"), converting.write_graph

    def wrong(model: FastVlm, folder: Path, graph: str, dtype: str) -> Path:
        path = right(model, folder, graph, dtype)
        if graph == "decoder_model_merged":
            proto = onnx.load(path)
            norm = next(w for w in proto.graph.initializer if w.name == "norm.weight")
            weight = onnx.numpy_helper.to_array(norm)
            norm.raw_data = (weight * np.float32([1, -1] * (len(weight) // 2))).tobytes()
            onnx.save(proto, path)
        return path

    monkeypatch.setattr(converting, "write_graph", wrong)
    message = rf"decoder_model_merged\w*.onnx: .* differs by .* > {limit}"
    with pytest.raises(ConvertError, match=message):
        convert(options(source, (dtype,)), lambda _: None)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_an_interruption_keeps_the_existing_folder(tmp_path: Path) -> None:
    source, out = checkpoint(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(ConvertError, match="is not empty: choose another --out"):
        convert(options(source), lambda _: None)

    def interrupt(line: str) -> None:
        if line.startswith("wrote decoder"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(options(source, replace=True), interrupt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
    assert (out / "mine.txt").read_text() == "kept"
    convert(options(source, replace=True), lambda _: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]
    assert not (out / "mine.txt").exists()
