"""Exported graphs compute what PyTorch computes; the cost of a frame of nano."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from model_fixtures import NANO, small_config, synthetic_vlm
from tokenizers import Tokenizer
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fastvlm.config import CONFIGS, FastVlmConfig
from fastvlm.export import write_graphs
from fastvlm.graphs import build_decoder, build_vision
from fastvlm.graphs.builder import F32, Graph, value
from fastvlm.graphs.quantize import dequantize, quantize
from fastvlm.model import FastVlm
from fastvlm.onnx_model import OnnxModel
from fastvlm.samples import generate_samples
from fastvlm.tokenizer import prompt_ids
from fastvlm.verify import Reference, VerificationError, compute_reference, verification_images, verify


def folded(cfg: FastVlmConfig) -> FastVlm:
    model = synthetic_vlm(cfg)
    model.vision_tower.fold()
    return model


def reference(model: FastVlm, tokenizer: Tokenizer) -> Reference:
    [sample] = generate_samples(tokenizer, 1, seed=1, size=model.cfg.size)
    pixels = [*verification_images(model.cfg.size), sample.pixels]
    image = tokenizer.token_to_id("<image>")
    return compute_reference(model, pixels, sample.ids, image)


def write(model: FastVlm, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write_graphs(model, folder)


@pytest.mark.parametrize(
    "cfg", [NANO, small_config(True)], ids=["nano", "with training branches"]
)
def test_graphs_compute_what_pytorch_computes(
    cfg: FastVlmConfig, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    model = folded(cfg)
    write(model, tmp_path)
    errors = verify(tmp_path, "fp32", reference(model, tokenizer))
    assert errors.same == errors.of == 9


@torch.inference_mode()
def test_the_encoder_accepts_a_batch_of_images() -> None:
    model, pixels = folded(NANO), torch.rand(3, 3, 128, 64)
    session = ort.InferenceSession(build_vision(model).SerializeToString())
    got = session.run(None, {"pixel_values": pixels.numpy()})[0]
    assert got.shape == (3, 2, 192)
    wanted = model.image_features(pixels)
    torch.testing.assert_close(torch.from_numpy(got), wanted, rtol=1e-4, atol=1e-4)


def test_rejects_a_wrong_graph(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = folded(small_config(False))
    write(model, tmp_path)
    with torch.no_grad():
        model.language_model.layers[1].mlp.up_proj.weight[0, 0] += 0.5
    with pytest.raises(VerificationError, match="logits"):
        verify(tmp_path, "fp32", reference(model, tokenizer))


def test_published_names_shapes_and_types(tmp_path: Path) -> None:
    write(folded(NANO), tmp_path)
    for suffix in ("", "_q4"):
        exported = OnnxModel(tmp_path, suffix)

        def values(session: ort.InferenceSession) -> dict[str, tuple]:
            both = [*session.get_inputs(), *session.get_outputs()]
            return {v.name: (v.type, *v.shape) for v in both}

        f, i = "tensor(float)", "tensor(int64)"
        assert values(exported.vision) == {
            "pixel_values": (f, "batch", 3, "height", "width"),
            "image_features": (f, "batch", "tokens", 192),
        }
        b, s, t = "batch_size", "sequence_length", "total_sequence_length"
        assert values(exported.embedding) == {
            "input_ids": (i, b, s),
            "inputs_embeds": (f, b, s, 192),
        }
        cache = {
            f"{name}.{layer}.{kind}": (f, b, 2, length, 32)
            for name, length in (("past_key_values", "past_sequence_length"), ("present", t))
            for layer in range(4)
            for kind in ("key", "value")
        }
        assert values(exported.decoder.session) == {
            "inputs_embeds": (f, b, s, 192),
            "attention_mask": (i, b, t),
            "position_ids": (i, b, s),
            "logits": (f, b, s, 448),
            **cache,
        }


@pytest.mark.parametrize("name", ["fastvlm-0.5b", "fastvlm-1.5b", "fastvlm-7b"])
def test_other_sizes_build(name: str) -> None:
    """With their widths and heads, but one block per stage, one narrow layer and a small
    vocabulary."""
    cfg = CONFIGS[name].with_layers(1)
    vision = replace(cfg.vision, depths=(1, 1, 1, 1, 1))
    if name != "fastvlm-0.5b":  # all three have the same encoder
        vision = small_config(False).vision
    cfg = replace(
        cfg, vision=vision, text=replace(cfg.text, ffn=1024, vocab=512, max_position=64)
    )
    model = folded(cfg)
    x = torch.randn(1, 5, cfg.text.hidden)
    decoder = ort.InferenceSession(build_decoder(model).SerializeToString())
    empty = np.zeros((1, cfg.text.kv_heads, 0, cfg.text.head_dim), np.float32)
    feeds = {
        "inputs_embeds": x.numpy(),
        "attention_mask": np.ones((1, 5), np.int64),
        "position_ids": np.arange(5)[None],
        "past_key_values.0.key": empty,
        "past_key_values.0.value": empty,
    }
    with torch.inference_mode():
        hidden, _ = model.language_model(x, torch.arange(5)[None])
        wanted = model.lm_head(hidden)
    torch.testing.assert_close(
        torch.from_numpy(decoder.run(["logits"], feeds)[0]), wanted, rtol=1e-3, atol=1e-3
    )
    pixels = torch.rand(1, 3, 64, 128)
    vision_graph = ort.InferenceSession(build_vision(model).SerializeToString())
    got = vision_graph.run(None, {"pixel_values": pixels.numpy()})[0]
    with torch.inference_mode():
        wanted = model.image_features(pixels)
    torch.testing.assert_close(torch.from_numpy(got), wanted, rtol=1e-3, atol=1e-3)


def test_graphs_contain_only_folded_operators() -> None:
    kinds = {node.op_type for node in build_vision(folded(NANO)).graph.node}
    assert kinds == {
        "Conv", "Gelu", "Add", "Transpose", "Shape", "LayerNormalization", "Reshape",
        "MatMul", "MultiHeadAttention", "GlobalAveragePool", "Relu", "Sigmoid", "Mul",
    }  # fmt: skip
    decoder = build_decoder(folded(NANO), "q4")
    kinds = {node.op_type for node in decoder.graph.node}
    assert "MatMul" not in kinds
    assert {"GroupQueryAttention", "RotaryEmbedding", "MatMulNBits"} < kinds


def test_quantised_linear_layer_multiplies_by_the_dequantised_weight() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 72, generator=random)  # 72: the last block is not full
    bias = torch.randn(48, generator=random)
    g = Graph("linear", "q4")
    g.linear("x", "linear", weight, bias)
    model = g.model([value("x", F32, "n", 72)], [value("linear", F32, "n", 48)])
    x = torch.randn(5, 72, generator=random)
    session = ort.InferenceSession(model.SerializeToString())
    got = session.run(None, {"x": x.numpy()})[0]
    rounded = dequantize(*quantize(weight.numpy()), k=72)
    np.testing.assert_allclose(got, x.numpy() @ rounded.T + bias.numpy(), rtol=1e-4, atol=1e-4)
    error = np.abs(rounded - weight.numpy()).max()
    assert error <= np.abs(weight.numpy()).max() / 7


def test_a_block_of_zeros_stays_zero() -> None:
    packed, scales = quantize(np.zeros((2, 32), np.float32))
    assert not dequantize(packed, scales, 32).any()


@torch.inference_mode()
def test_a_frame_costs_at_most_0_3_gmac(tokenizer: Tokenizer) -> None:
    """Vision encoder and prefill at 256 pixels, with logits for all positions."""
    model = folded(NANO)
    ids = torch.tensor([prompt_ids(tokenizer, "Describe the image.", 16)])
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        features = model.image_features(torch.rand(1, 3, 256, 256))
        x = model.embed(ids, features, tokenizer.token_to_id("<image>"))
        hidden, _ = model.language_model(x, torch.arange(ids.shape[1])[None])
        model.lm_head(hidden)
    gmac = counter.get_total_flops() / 2e9
    assert 0.1 < gmac <= 0.3
