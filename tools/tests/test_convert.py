"""Conversion of checkpoints to model folders."""

import json
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from checkpoint_fixtures import checkpoint, config, edit_json, edit_tensors, options
from safetensors.torch import save_file
from tokenizers import Tokenizer

from convert.checkpoint import Checkpoint
from convert.convert import convert
from convert.model_config import read_model_config
from convert.tensor_names import LAYOUTS
from convert.synthetic_checkpoint import synthetic_tensors
from convert.tokenizer_files import load_tokenizer
from fastvlm.graphs import external_data
from fastvlm.onnx_model import OnnxModel

TOOLS = Path(__file__).parents[1]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("folded", [True, False], ids=["folded", "branches"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_converts_every_layout(layout: str, folded: bool, tied: bool, tmp_path: Path) -> None:
    cfg, log = config(tied), []
    source = checkpoint(tmp_path / "in", cfg, layout, folded=folded, shard=200_000)
    assert len(list(source.glob("*.safetensors"))) > 1
    # A wrong flag: the tensors take precedence.
    fields = json.loads((source / "config.json").read_text())
    fields.get("text_config", fields)["tie_word_embeddings"] = not tied
    (source / "config.json").write_text(json.dumps(fields))
    losses = convert(options(source, ("fp32", "q4f16")), log.append)
    out = tmp_path / "out"
    assert losses["fp32"].same == losses["fp32"].of == 9
    assert losses["fp32"].logits <= 1e-4 < losses["q4f16"].logits
    # Weights of the PyTorch model, bypassing the checkpoint.
    tensors = dict(synthetic_tensors(cfg, folded))
    weights = graph_weights(out, "decoder_model_merged")
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
    assert f"{layout} layout, {'folded' if folded else 'training branches'}" in log[0]


def test_logs_a_wrong_tie_word_embeddings_flag(tmp_path: Path) -> None:
    source, log = checkpoint(tmp_path / "in"), []
    edit_json(source / "config.json", tie_word_embeddings=True)
    convert(options(source), log.append)
    assert any("tie_word_embeddings true, but lm_head.weight is present" in s for s in log)


def test_writes_every_file_that_clients_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Including external data for large graphs."""
    monkeypatch.setattr(external_data.ExternalData.__init__, "__defaults__", (400_000, 200_000))
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
    assert manifest["name"] == "synthetic"
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


def test_adds_the_image_token_to_a_tokenizer_without_it(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    content = json.loads((source / "tokenizer.json").read_text())
    image = content["added_tokens"].pop()
    assert image["content"] == "<image>"
    (source / "tokenizer.json").write_text(json.dumps(content))
    log: list[str] = []
    convert(options(source), log.append)
    written = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert written.token_to_id("<image>") == image["id"]
    assert f"<image> has id {image['id']}" in log


@pytest.mark.parametrize(
    "fields",
    [{"size": 128}, {"crop_size": {"height": 128}}, {"size": {"longest_edge": 128}}],
    ids=str,
)
def test_reads_every_form_of_the_image_size(fields: dict, tmp_path: Path) -> None:
    source = checkpoint(tmp_path)
    edit_json(source / "preprocessor_config.json", **fields)
    assert read_model_config(Checkpoint(source), "synthetic").size == 128


def test_ignores_an_adapter_beside_the_merged_weights(tmp_path: Path) -> None:
    source = checkpoint(tmp_path)
    save_file({"lora_A": torch.zeros(4)}, source / "adapter_model.safetensors")
    edit_json(source / "adapter_config.json", peft_type="LORA")
    assert list(Checkpoint(source).files) == ["model.safetensors"]


def test_drops_padding_and_truncation_of_the_tokenizer(tmp_path: Path) -> None:
    source = checkpoint(tmp_path)
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_padding(length=64)
    tokenizer.enable_truncation(max_length=8)
    tokenizer.save(str(source / "tokenizer.json"))
    read = load_tokenizer(source)
    assert read.padding is None
    assert read.truncation is None


def trim(source: Path, rows: int, *names: str) -> None:
    def edit(tensors: dict) -> None:
        for name in names:
            tensors[name] = tensors[name][:rows].clone()

    edit_tensors(source, edit)


def graph_weights(out: Path, graph: str) -> dict[str, torch.Tensor]:
    initializers = onnx.load(out / "onnx" / f"{graph}.onnx").graph.initializer
    return {w.name: torch.from_numpy(onnx.numpy_helper.to_array(w).copy()) for w in initializers}


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_adds_a_row_for_the_image_token_to_a_trimmed_vocabulary(
    tied: bool, tmp_path: Path
) -> None:
    source = checkpoint(tmp_path / "in", config(tied))
    image = Tokenizer.from_file(str(source / "tokenizer.json")).token_to_id("<image>")
    trim(source, image, "model.embed_tokens.weight", *([] if tied else ["lm_head.weight"]))
    log: list[str] = []
    assert convert(options(source), log.append)["fp32"].same == 9
    assert f"<image> has no row in the embedding table: added row {image}" in log
    embed = graph_weights(tmp_path / "out", "embed_tokens")
    decoder = graph_weights(tmp_path / "out", "decoder_model_merged")
    assert embed["embed_tokens.weight"].shape == (image + 1, 64)
    assert decoder["lm_head.weight"].shape == (64, image)


def test_converts_a_head_with_fewer_columns_than_the_table_has_rows(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    image = Tokenizer.from_file(str(source / "tokenizer.json")).token_to_id("<image>")
    trim(source, image, "lm_head.weight")
    assert convert(options(source), lambda _: None)["fp32"].same == 9
    decoder = graph_weights(tmp_path / "out", "decoder_model_merged")
    assert decoder["lm_head.weight"].shape == (64, image)


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("multiple", [1, 64])
def test_converts_embeddings_resized_for_added_tokens(
    multiple: int, tied: bool, tmp_path: Path
) -> None:
    """As tokenizer.add_tokens and model.resize_token_embeddings leave a checkpoint."""
    source = checkpoint(tmp_path / "in", config(tied))
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.add_special_tokens(["<box>"])
    tokenizer.add_tokens([f"<loc{i}>" for i in range(80)])
    tokenizer.save(str(source / "tokenizer.json"))
    rows = -(-tokenizer.get_vocab_size() // multiple) * multiple
    edit_json(source / "config.json", vocab_size=rows)

    def resize(tensors: dict) -> None:
        for name in {"model.embed_tokens.weight", "lm_head.weight"} & set(tensors):
            old = tensors[name]
            noise = torch.randn(rows, old.shape[1], generator=torch.Generator().manual_seed(0))
            noise *= old.std()
            noise[: min(rows, len(old))] = old[:rows]
            tensors[name] = noise

    edit_tensors(source, resize)
    assert convert(options(source), lambda _: None)["fp32"].same == 9
    out = tmp_path / "out"
    written = Tokenizer.from_file(str(out / "tokenizer.json"))
    ids = written.encode("<box><loc7><image>").ids
    assert ids == [tokenizer.token_to_id(t) for t in ("<box>", "<loc7>", "<image>")]
    model_config = json.loads((out / "config.json").read_text())
    assert model_config["image_token_index"] == ids[2]
    assert model_config["vocab_size"] == rows
    embed = graph_weights(out, "embed_tokens")["embed_tokens.weight"]
    assert embed.shape == (rows, 64)
    assert embed[ids[0]].any()


def test_comparing_layer_by_layer_measures_the_same_loss(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "in")
    whole = convert(options(source, ("q4",), whole=True), lambda _: None)
    pieces = convert(options(source, ("q4",), whole=False, replace=True), lambda _: None)
    assert pieces["q4"].logits == pytest.approx(whole["q4"].logits, rel=1e-3)
    assert pieces["q4"].same == whole["q4"].same


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/convert", *words]
    return subprocess.run(command, cwd=TOOLS.parent, capture_output=True, text=True)


def test_command_line(tmp_path: Path) -> None:
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


def test_command_line_reports_errors(tmp_path: Path) -> None:
    done = run(str(tmp_path), "--out", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"convert: --out {tmp_path} contains the checkpoint\n"
