"""Checkpoints of synthetic weights in real shapes, for testing the converter: the
licence of the real weights does not allow including them here."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from fastvlm.config import FastVlmConfig
from fastvlm.json_file import write_json
from fastvlm.model import Projector
from fastvlm.model_folder import text_fields
from fastvlm.qwen2 import DecoderLayer, RMSNorm
from fastvlm.synthetic_weights import fill_weights
from fastvlm.tokenizer import CHAT_TEMPLATE, SPECIAL, build
from fastvlm.vision import FastViTHD, LayerScale

from .checkpoint import INDEX
from .tensor_names import APPLE, Layout

SHARD = 2_000_000_000
# Id of the first special token of Qwen2, which follows all words.
QWEN2_SPECIAL = 151_643
# Size of the trained vocabulary; a larger one is filled up with numbered words.
WORDS = 444
LAYER_SCALE_FACTOR = 0.3


def write_synthetic_checkpoint(
    cfg: FastVlmConfig,
    out: Path,
    layout: Layout,
    *,
    dtype: torch.dtype = torch.bfloat16,
    folded: bool = True,
    shard: int = SHARD,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    tensors = synthetic_tensors(cfg, folded)
    named = ((layout.theirs(name), t.to(dtype).contiguous()) for name, t in tensors)
    write_shards(out, named, shard)
    write_json(out / "config.json", config(cfg, layout))
    if layout is not APPLE:
        write_json(
            out / "preprocessor_config.json", {"size": {"shortest_edge": cfg.size}}
        )
    write_tokenizer(cfg, out, slow=layout is APPLE)
    (out / "README.md").write_text(
        f"---\nlicense: mit\n---\n\nSynthetic weights in the shapes of {cfg.name}, for tests.\n"
    )


def synthetic_tensors(cfg: FastVlmConfig, folded: bool) -> Iterator[tuple[str, Tensor]]:
    """Tensors by our names, module by module, each with a seed of its own."""
    text = cfg.text

    def fill(prefix: str, module: nn.Module, seed: int) -> Iterator[tuple[str, Tensor]]:
        fill_weights(module, seed)
        reduce_layer_scales(module)
        if isinstance(module, FastViTHD) and folded:
            module.eval().fold()
        for name, tensor in module.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                yield f"{prefix}.{name}", tensor

    yield from fill("vision_tower", FastViTHD(cfg.vision), 0)
    yield from fill("projector", Projector(cfg.vision.out_width, text.hidden), 1)
    embedding = nn.Embedding(text.vocab, text.hidden)
    yield from fill("language_model.embed_tokens", embedding, 2)
    del embedding
    if not text.tied:
        head = nn.Linear(text.hidden, text.vocab, bias=False)
        yield from fill("lm_head", head, 3)
        del head
    yield from fill("language_model.norm", RMSNorm(text.hidden, text.rms_eps), 4)
    for i in range(text.layers):
        yield from fill(f"language_model.layers.{i}", DecoderLayer(text), 5 + i)


@torch.no_grad()
def reduce_layer_scales(module: nn.Module) -> None:
    """Keeps the output of many blocks within the range of float16."""
    for child in module.modules():
        if isinstance(child, LayerScale):
            child.gamma.mul_(LAYER_SCALE_FACTOR)


def write_shards(out: Path, tensors: Iterator[tuple[str, Tensor]], shard: int) -> None:
    """Writes one file, or several with an index."""
    files: list[list[str]] = []
    held: dict[str, Tensor] = {}
    size = 0

    def flush() -> None:
        files.append(list(held))
        save_file(held, out / f"part-{len(files)}", metadata={"format": "pt"})
        held.clear()

    for name, tensor in tensors:
        if held and size + tensor.nbytes > shard:
            flush()
            size = 0
        held[name] = tensor
        size += tensor.nbytes
    flush()
    weight_map = {}
    for i, names in enumerate(files, 1):
        file = f"model-{i:05}-of-{len(files):05}.safetensors"
        file = file if len(files) > 1 else "model.safetensors"
        (out / f"part-{i}").rename(out / file)
        weight_map |= dict.fromkeys(names, file)
    if len(files) > 1:
        write_json(out / INDEX, {"metadata": {}, "weight_map": weight_map})


def config(cfg: FastVlmConfig, layout: Layout) -> dict:
    fields = text_fields(cfg.text)
    if layout is APPLE:
        return {
            "architectures": ["LlavaQwen2ForCausalLM"],
            "model_type": "llava_qwen2",
            "mm_hidden_size": cfg.vision.out_width,
            "mm_projector_type": "mlp2x_gelu",
            "mm_vision_tower": f"mobileclip_l_{cfg.size}",
            **fields,
        }
    return {
        "architectures": ["FastVlmForConditionalGeneration"],
        "model_type": "fast_vlm",
        "text_config": {"model_type": "qwen2", **fields},
        "vision_config": {"model_type": "timm_wrapper", "architecture": "fastvit_mci3"},
    }


def write_tokenizer(cfg: FastVlmConfig, out: Path, slow: bool) -> None:
    """nano's vocabulary; in a vocabulary as large as Qwen2's, the special tokens have
    Qwen2's ids. `slow` writes vocab.json and merges.txt without `<image>`, like
    Apple's checkpoints."""
    content = json.loads(build(WORDS + len(SPECIAL)).to_str())
    vocab, merges = content["model"]["vocab"], content["model"]["merges"]
    words = sorted(vocab, key=vocab.__getitem__)
    if cfg.text.vocab > QWEN2_SPECIAL + len(SPECIAL):
        # Ġ is a leading space, which separates the words in an answer.
        words += [f"Ġw{i}" for i in range(len(words), QWEN2_SPECIAL)]
    vocab = {word: i for i, word in enumerate(words)}
    template = dict(content["added_tokens"][0])
    added = [
        {**template, "id": len(vocab) + i, "content": token}
        for i, token in enumerate(SPECIAL[:-1] if slow else SPECIAL)
    ]
    fields = {
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": min(8192, cfg.text.max_position),
        "tokenizer_class": "Qwen2Tokenizer",
    }
    if slow:
        write_json(out / "vocab.json", vocab)
        lines = [" ".join(m) if isinstance(m, list) else m for m in merges]
        (out / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        fields["added_tokens_decoder"] = {
            str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in added
        }
    else:
        content["model"]["vocab"], content["added_tokens"] = vocab, added
        Tokenizer.from_str(json.dumps(content)).save(str(out / "tokenizer.json"))
    write_json(out / "tokenizer_config.json", fields)
