"""Checkpoints in, model folders out; and what is refused."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from models import small_config
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from convert import convert as converting
from convert.checkpoint import Checkpoint
from convert.convert import Options, convert
from convert.errors import ConvertError
from convert.layouts import APPLE, LAYOUTS
from convert.made import made_tensors, write_made, write_tokenizer
from convert.sizes import read_sizes
from fastvlm.config import FastVlmConfig
from fastvlm.graphs import store
from fastvlm.model import FastVlm
from fastvlm.runtime import OnnxModel

TOOLS = Path(__file__).parents[1]


def config(tied: bool = False) -> FastVlmConfig:
    cfg = small_config(branches=True)
    text = replace(cfg.text, tied=tied, rope_theta=3e4, rms_eps=3e-5, max_position=256)
    return replace(cfg, name="made", text=text, side=192)


def checkpoint(
    folder: Path, cfg: FastVlmConfig | None = None, layout: str = "apple", **how: object
) -> Path:
    cfg = cfg or config()
    write_made(cfg, folder, LAYOUTS[layout], **{"dtype": torch.float32, **how})
    # With a tokenizer.json in each layout: to make one needs transformers.
    write_tokenizer(cfg, folder, slow=False)
    return folder


def options(source: Path, dtypes: tuple[str, ...] = ("fp32",), **more: object) -> Options:
    return Options(source, source.with_name("out"), dtypes, "made", **more)


def edit_tensors(source: Path, edit: Callable[[dict], None]) -> None:
    tensors = load_file(source / "model.safetensors")
    edit(tensors)
    save_file(tensors, source / "model.safetensors")


def edit_json(path: Path, **fields: object) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | fields))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("folded", [True, False], ids=["folded", "branches"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_converted(layout: str, folded: bool, tied: bool, tmp_path: Path) -> None:
    cfg, said = config(tied), []
    source = checkpoint(tmp_path / "in", cfg, layout, folded=folded, shard=200_000)
    assert len(list(source.glob("*.safetensors"))) > 1
    # The flag says otherwise; the tensors are right.
    fields = json.loads((source / "config.json").read_text())
    fields.get("text_config", fields)["tie_word_embeddings"] = not tied
    (source / "config.json").write_text(json.dumps(fields))
    losses = convert(options(source, ("fp32", "q4f16")), said.append)
    out = tmp_path / "out"
    assert losses["fp32"].same == losses["fp32"].of == 9
    assert losses["fp32"].logits <= 1e-4 < losses["q4f16"].logits
    # Of PyTorch's own model, not by way of the checkpoint.
    tensors = dict(made_tensors(cfg, folded))
    weights = {
        w.name: torch.from_numpy(onnx.numpy_helper.to_array(w).copy())
        for w in onnx.load(out / "onnx" / "decoder_model_merged.onnx").graph.initializer
    }
    head = "language_model.embed_tokens.weight" if tied else "lm_head.weight"
    assert torch.equal(weights["lm_head.weight"], tensors[head].T)
    written = json.loads((out / "config.json").read_text())
    assert written["tie_word_embeddings"] is tied
    assert written["rope_theta"] == 3e4
    assert written["rms_norm_eps"] == 3e-5
    assert written["max_position_embeddings"] == 256
    assert "transformers.js_config" not in written
    side = json.loads((out / "preprocessor_config.json").read_text())["size"]
    assert side == {"shortest_edge": 192}
    assert f"{layout} layout, {'folded' if folded else 'training branches'}" in said[0]


def test_a_flag_that_differs_is_told(tmp_path: Path) -> None:
    source, said = checkpoint(tmp_path / "in"), []
    edit_json(source / "config.json", tie_word_embeddings=True)
    convert(options(source), said.append)
    assert any("tie_word_embeddings true, but lm_head.weight is among" in s for s in said)


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that clients read, with external data where it is large."""
    monkeypatch.setattr(store.GraphFiles.__init__, "__defaults__", (400_000, 200_000))
    source = checkpoint(tmp_path / "in", dtype=torch.bfloat16)
    (source / "README.md").write_text("---\nlicense: apple-amlr\n---\n# Apple's\n")
    (source / "LICENSE").write_text("the agreement\n")
    (source / "chat_template.jinja").write_text("{% for m in messages %}{% endfor %}")
    convert(options(source, ("fp32", "fp16", "q4", "q4f16")), lambda _: None)
    out = tmp_path / "out"
    chunks = json.loads((out / "config.json").read_text())["transformers.js_config"]
    assert chunks["use_external_data_format"]["decoder_model_merged.onnx"] > 1
    assert chunks["use_external_data_format"]["vision_encoder.onnx"] > 1
    assert "embed_tokens.onnx" not in chunks["use_external_data_format"]
    names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    manifest = json.loads((out / "manifest.json").read_text())
    assert set(manifest["files"]) == names - {"manifest.json"}
    assert manifest["name"] == "made"
    assert manifest["license"]["id"] == "apple-amlr"
    assert {
        "config.json", "generation_config.json", "preprocessor_config.json",
        "processor_config.json", "tokenizer.json", "tokenizer_config.json", "README.md",
        "LICENSE", "manifest.json", "onnx/decoder_model_merged.onnx_data_1",
    } < names  # fmt: skip
    card = (out / "README.md").read_text()
    assert card.startswith("---\nlicense: apple-amlr\n")
    assert "research only" in card
    for dtype in ("fp32", "fp16", "q4", "q4f16"):
        assert re.search(rf"^\| {dtype} \| [\d.]+ MB \| .* \| \d of 9 \|$", card, re.M)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    fields = json.loads((out / "tokenizer_config.json").read_text())
    image = tokenizer.token_to_id("<image>")
    assert fields["added_tokens_decoder"][str(image)]["content"] == "<image>"
    assert "<|im_start|>" in fields["chat_template"]
    written = json.loads((out / "config.json").read_text())
    assert written["image_token_index"] == image
    generation = json.loads((out / "generation_config.json").read_text())
    assert tokenizer.token_to_id("<|im_end|>") in generation["eos_token_id"]
    ids = tokenizer.encode("<|im_start|>user\n<image>\nIs there a star?<|im_end|>").ids
    assert ids.count(image) == 1
    model = OnnxModel(out)
    assert model.embed(ids).shape == (1, len(ids), 64)


def test_a_tokenizer_without_image_gets_one(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    content = json.loads((source / "tokenizer.json").read_text())
    image = content["added_tokens"].pop()
    assert image["content"] == "<image>"
    (source / "tokenizer.json").write_text(json.dumps(content))
    said: list[str] = []
    convert(options(source), said.append)
    written = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert written.token_to_id("<image>") == image["id"]
    assert f"<image> is {image['id']}" in said


def without(name: str) -> Callable[[Path], None]:
    return lambda source: edit_tensors(source, lambda t: t.__delitem__(name))


def with_tensor(name: str, tensor: torch.Tensor) -> Callable[[Path], None]:
    return lambda source: edit_tensors(source, lambda t: t.update({name: tensor}))


def with_config(**fields: object) -> Callable[[Path], None]:
    return lambda source: edit_json(source / "config.json", **fields)


def cut_short(source: Path) -> None:
    file = source / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


UP = "model.layers.1.mlp.up_proj.weight"
FAULTS = {
    f"tensor {UP} is missing$": without(UP),
    "tensor model.vision_tower.vision_tower.model.network.3.proj.0.lkb_reparam.weight is "
    "missing$": without(APPLE.theirs("vision_tower.stages.2.downsample.proj.0.reparam_conv.weight")),
    "tensor model.image_newline is not expected": with_tensor(
        "model.image_newline", torch.zeros(64)
    ),
    f"tensor {UP} is .127, 64., not .128, 64.": with_tensor(UP, torch.zeros(127, 64)),
    f"{UP} is I8: only float32": with_tensor(UP, torch.zeros((128, 64), dtype=torch.int8)),
    f"{UP} in model.safetensors has values that are no numbers": with_tensor(
        UP, torch.full((128, 64), torch.nan)
    ),
    "model.safetensors cannot be read": cut_short,
    "no .*safetensors": lambda source: (source / "model.safetensors").unlink(),
    "num_hidden_layers is 3, the tensors and graphs have 2": with_config(num_hidden_layers=3),
    "5 attention heads do not divide the 64 rows": with_config(num_attention_heads=5),
    "hidden_act is gelu": with_config(hidden_act="gelu"),
    "rope type yarn is not supported": with_config(rope_scaling={"rope_type": "yarn"}),
    "config.json is missing": lambda source: (source / "config.json").unlink(),
    "config.json is not JSON": lambda source: (source / "config.json").write_text("{"),
    "tokenizer.json cannot be read": lambda s: (s / "tokenizer.json").write_text("{}"),
    "image_mean is .0.48": lambda source: edit_json(
        source / "preprocessor_config.json", image_mean=[0.48, 0.45, 0.4]
    ),
    "part-2.safetensors is missing; model.safetensors.index.json names it": lambda source: (
        edit_json(
            source / "model.safetensors.index.json",
            weight_map={UP: "model.safetensors", "lm_head.weight": "part-2.safetensors"},
        )
    ),
    "has no tensor model.gone; model.safetensors.index.json names it": lambda source: (
        edit_json(
            source / "model.safetensors.index.json",
            weight_map={"model.gone": "model.safetensors"},
        )
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_refused(message: str, tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    FAULTS[message](source)
    with pytest.raises(ConvertError, match=message):
        convert(options(source), lambda _: None)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_values_beyond_float16_are_refused(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    norm = "model.layers.0.input_layernorm.weight"
    edit_tensors(source, lambda t: t[norm].mul_(1e5))
    with pytest.raises(ConvertError, match="beyond float16's 65504: leave out fp16"):
        convert(options(source, ("fp32", "fp16")), lambda _: None)
    assert not (tmp_path / "out").exists()
    convert(options(source), lambda _: None)


@pytest.mark.parametrize("dtype, limit", [("fp32", "0.0001"), ("q4", "0.75")])
def test_a_graph_that_computes_something_else_is_refused(
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


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    source, out = checkpoint(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(ConvertError, match="exists: choose another --out"):
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


def test_layer_by_layer_proves_the_same(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    whole = convert(options(source, ("q4",), whole=True), lambda _: None)
    pieces = convert(options(source, ("q4",), whole=False, replace=True), lambda _: None)
    assert pieces["q4"].logits == pytest.approx(whole["q4"].logits, rel=1e-3)
    assert pieces["q4"].same == whole["q4"].same


# The checkpoint's own names and shapes (fastvithd of apple/ml-fastvlm), N by N.
WIDTHS, DEPTHS = (96, 192, 384, 768, 1536), (2, 12, 24, 4, 2)


def apple_names() -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {}

    def conv(at: str, shape: tuple[int, ...]) -> None:
        names[f"{at}.weight"], names[f"{at}.bias"] = shape, shape[:1]

    conv("patch_embed.0.reparam_conv", (96, 3, 3, 3))
    conv("patch_embed.1.reparam_conv", (96, 1, 3, 3))
    conv("patch_embed.2.reparam_conv", (96, 96, 1, 1))
    for place, c, depth in zip((0, 2, 4, 7, 10), WIDTHS, DEPTHS, strict=True):
        for i in range(depth):
            at = f"network.{place}.{i}"
            names[f"{at}.convffn.conv.conv.weight"] = (c, 1, 7, 7)
            for n in ("weight", "bias", "running_mean", "running_var"):
                names[f"{at}.convffn.conv.bn.{n}"] = (c,)
            names[f"{at}.convffn.conv.bn.num_batches_tracked"] = ()
            conv(f"{at}.convffn.fc1", (4 * c, c, 1, 1))
            conv(f"{at}.convffn.fc2", (c, 4 * c, 1, 1))
            if place <= 4:
                conv(f"{at}.token_mixer.reparam_conv", (c, 1, 3, 3))
                names[f"{at}.layer_scale"] = (c, 1, 1)
                continue
            names[f"{at}.norm.weight"] = names[f"{at}.norm.bias"] = (c,)
            names[f"{at}.token_mixer.qkv.weight"] = (3 * c, c)
            conv(f"{at}.token_mixer.proj", (c, c))
            names[f"{at}.layer_scale_1"] = names[f"{at}.layer_scale_2"] = (c, 1, 1)
    for place, c in zip((1, 3, 5, 8), WIDTHS, strict=False):
        conv(f"network.{place}.proj.0.lkb_reparam", (2 * c, 1, 7, 7))
        conv(f"network.{place}.proj.1.reparam_conv", (2 * c, 2 * c, 1, 1))
    conv("network.6.reparam_conv", (768, 1, 7, 7))
    conv("network.9.reparam_conv", (1536, 1, 7, 7))
    conv("conv_exp.reparam_conv", (3072, 1, 3, 3))
    conv("conv_exp.se.reduce", (192, 3072, 1, 1))
    conv("conv_exp.se.expand", (3072, 192, 1, 1))
    names["head.proj"] = (3072, 768)
    return names


def test_the_published_names_of_apple(tmp_path: Path) -> None:
    """0.5B's tower as released, one layer and few words."""
    cfg = config()
    text = replace(cfg.text, hidden=896, heads=14, head_dim=64, ffn=64, layers=1)
    write_made(replace(cfg, text=text), tmp_path, APPLE, dtype=torch.float16)
    tower = "model.vision_tower.vision_tower.model."
    names = {
        "model.mm_projector.0.weight": (896, 3072),
        "model.mm_projector.0.bias": (896,),
        **{f"{tower}{name}": shape for name, shape in apple_names().items()},
    }

    def edit(tensors: dict) -> None:
        for name in [n for n in tensors if n.startswith(tower)]:
            del tensors[name]
        for name, shape in names.items():
            tensors[name] = torch.zeros(shape, dtype=torch.float16)

    edit_tensors(tmp_path, edit)
    read = read_sizes(Checkpoint(tmp_path), "FastVLM-0.5B")
    assert read.vision.widths == WIDTHS
    assert read.vision.depths == DEPTHS
    assert not read.vision.branches
    assert (read.text.hidden, read.text.kv_heads, read.text.head_dim) == (896, 2, 64)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/convert", *words]
    return subprocess.run(command, cwd=TOOLS.parent, capture_output=True, text=True)


def test_the_command(tmp_path: Path) -> None:
    source, out = checkpoint(tmp_path / "in"), tmp_path / "model"
    done = run(str(source), "--out", str(out), "--dtypes", "fp32", "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert f"done: {out}" in done.stderr
    assert json.loads((out / "config.json").read_text())["_name_or_path"] == "in"
    (out / "manifest.json").unlink()
    assert run("manifest", str(out)).returncode == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["name"] == "in"
    assert manifest["license"] == {"id": "mit", "name": "MIT"}
    assert "onnx/vision_encoder.onnx" in manifest["files"]


def test_the_command_says_what_stands_in_the_way(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--out", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"convert: --out {tmp_path} holds the checkpoint\n"
