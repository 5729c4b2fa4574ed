"""The model card of a converted checkpoint: what it is, whose, what was changed,
and what each dtype loses."""

from pathlib import Path

from fastvlm.config import FastVlmConfig
from fastvlm.graphs import BUILDERS, SUFFIXES
from fastvlm.manifest import License

from .licence import APPLE
from .proof import STEPS, Loss, Peaks

CARD = """\
---
{front}
library_name: transformers.js
pipeline_tag: image-text-to-text
---

# {name}, converted to ONNX

FastVLM (arXiv 2412.13303) as three ONNX graphs: `vision_encoder`, `embed_tokens`
and `decoder_model_merged`, with the names, shapes and operators published for
`llava_qwen2`. {sizes}

## Licence

{licence}

## What was changed

Converted from the PyTorch checkpoint `{source}`: training branches, batch norms
and layer scales are folded into the convolutions before and after them; nothing
was trained. {head}

| dtype | linear layers | the rest | KV cache |
| --- | --- | --- | --- |
| fp32 | float32 | float32 | float32 |
| fp16 | float16 | float16 | float16 |
| q4 | 4 bits, blocks of 32, float32 scales | float32, convolutions too | float32 |
| q4f16 | 4 bits, blocks of 32, float16 scales | float16 | float16 |

Pixels, features, embeddings and logits are float32 in all of them.

## Measured

Each graph against PyTorch in float32, on ONNX Runtime's CPU provider. fp32: the
largest difference over the largest value. The others: root mean square of the
differences over that of the values. Tokens: {steps} greedy ones after a prompt,
each continued with PyTorch's. A graphics card that adds up in float16 may lose
more than is measured here.

| dtype | size | features | embeddings | logits, cache | same tokens |
| --- | --- | --- | --- | --- | --- |
{rows}

Largest values on the way, of float16's 65504: {peaks}.
"""


def write_card(
    folder: Path,
    cfg: FastVlmConfig,
    source: str,
    license: License | None,
    losses: dict[str, Loss],
    peaks: Peaks,
) -> None:
    text, vision = cfg.text, cfg.vision
    (folder / "README.md").write_text(
        CARD.format(
            front=front_matter(license),
            name=cfg.name,
            sizes=(
                f"{text.layers} layers of width {text.hidden}, {text.vocab:,} rows of\n"
                f"embeddings, {sum(vision.depths)} blocks of vision, pictures of "
                f"{cfg.side} x {cfg.side}."
            ),
            licence=describe_licence(license),
            source=source,
            head=(
                "Embeddings and head are the same matrix, written twice."
                if text.tied
                else "The head is a matrix of its own."
            ),
            steps=STEPS + 1,
            rows="\n".join(
                f"| {dtype} | {size(folder, dtype)} | {loss.features:.1e} | "
                f"{loss.embeds:.1e} | {loss.logits:.1e} | {loss.same} of {loss.of} |"
                for dtype, loss in losses.items()
            ),
            peaks=", ".join(f"{peak:,.0f} in {g}" for g, peak in peaks.values.items()),
        ),
        encoding="utf-8",
    )


def front_matter(license: License | None) -> str:
    if license is None:
        return "license: unknown"
    lines = [f"license: {license.id}"]
    if license.id not in ("mit", "apache-2.0"):
        lines.append(f"license_name: {license.id}")
    if license.url:
        lines.append(f"license_link: {license.url}")
    return "\n".join(lines)


def describe_licence(license: License | None) -> str:
    if license is None:
        return (
            "The checkpoint does not say. Ask whoever made it; Apple's own FastVLM\n"
            "weights are for research only."
        )
    link = f" ({license.url})" if license.url else ""
    if license.id != APPLE.id:
        return f"{license.name}{link}, as the checkpoint."
    return (
        f"{license.name}{link}.\n"
        "For research only: no product development, no use in a commercial product or\n"
        "service. Whoever passes these files on passes on the agreement with them.\n\n"
        "Apple Machine Learning Research Model is licensed under the Apple Machine\n"
        "Learning Research Model License Agreement."
    )


def size(folder: Path, dtype: str) -> str:
    """Of the three graphs with their external data."""
    total = sum(
        path.stat().st_size
        for graph in BUILDERS
        for path in folder.glob(f"onnx/{graph}{SUFFIXES[dtype]}.onnx*")
    )
    return f"{total / 1e9:.2f} GB" if total >= 1e9 else f"{total / 1e6:.1f} MB"
