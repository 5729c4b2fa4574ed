"""The model card of a converted checkpoint: source, licence, changes, and the
measured errors of each dtype."""

from pathlib import Path

from fastvlm.config import FastVlmConfig
from fastvlm.graphs import BUILDERS, SUFFIXES
from fastvlm.manifest import License
from fastvlm.verify import STEPS, GraphErrors

from .licence import APPLE
from .peaks import Peaks

CARD = """\
---
{front}
library_name: transformers.js
pipeline_tag: image-text-to-text
---

# {name}, converted to ONNX

FastVLM (arXiv 2412.13303) as three ONNX graphs: `vision_encoder`, `embed_tokens`
and `decoder_model_merged`. Names, shapes and operators are those of the published
`llava_qwen2` graphs. {sizes}

## Licence

{licence}

## Changes

Converted from the PyTorch checkpoint `{source}`, without further training.
Training branches, batch norms and layer scales are folded into neighbouring
convolutions. {head}

| dtype | linear layers | other weights | KV cache |
| --- | --- | --- | --- |
| fp32 | float32 | float32 | float32 |
| fp16 | float16 | float16 | float16 |
| q4 | 4 bits, blocks of 32, float32 scales | float32, including convolutions | float32 |
| q4f16 | 4 bits, blocks of 32, float16 scales | float16 | float16 |

Pixels, features, embeddings and logits are always float32.

## Measured

Each graph compared with PyTorch in float32, on ONNX Runtime's CPU provider. For
fp32: the largest difference, divided by the largest value. For the other dtypes:
the root mean square of the differences, divided by that of the values. Tokens:
{steps} greedy tokens after a prompt, where each step is continued with PyTorch's
token. A GPU that accumulates in float16 may lose more than is measured here.

| dtype | size | features | embeddings | logits, cache | identical tokens |
| --- | --- | --- | --- | --- | --- |
{rows}

Largest intermediate values (the maximum of float16 is 65504): {peaks}.
"""


def write_card(
    folder: Path,
    cfg: FastVlmConfig,
    source: str,
    license: License | None,
    errors: dict[str, GraphErrors],
    peaks: Peaks,
) -> None:
    text, vision = cfg.text, cfg.vision
    (folder / "README.md").write_text(
        CARD.format(
            front=front_matter(license),
            name=cfg.name,
            sizes=(
                f"{text.layers} decoder layers of width {text.hidden}, {text.vocab:,} embedding\n"
                f"rows, {sum(vision.depths)} vision blocks, images of {cfg.size} x {cfg.size} pixels."
            ),
            licence=describe_licence(license),
            source=source,
            head=(
                "The embedding table and the head are the same matrix, stored twice."
                if text.tied
                else "The head is not tied to the embedding table."
            ),
            steps=STEPS + 1,
            rows="\n".join(
                f"| {dtype} | {size(folder, dtype)} | {error.features:.1e} | "
                f"{error.embeds:.1e} | {error.logits:.1e} | {error.same} of {error.of} |"
                for dtype, error in errors.items()
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
            "The checkpoint states no licence. Ask its author; Apple's own FastVLM weights\n"
            "are for research only."
        )
    link = f" ({license.url})" if license.url else ""
    if license.id != APPLE.id:
        return f"{license.name}{link}, like the checkpoint."
    return (
        f"{license.name}{link}.\n"
        "For research only: no product development, no use in a commercial product or\n"
        "service. If you redistribute these files, include the agreement.\n\n"
        "Apple Machine Learning Research Model is licensed under the Apple Machine\n"
        "Learning Research Model License Agreement."
    )


def size(folder: Path, dtype: str) -> str:
    """Total size of the three graphs with their external data."""
    total = sum(
        path.stat().st_size
        for graph in BUILDERS
        for path in folder.glob(f"onnx/{graph}{SUFFIXES[dtype]}.onnx*")
    )
    return f"{total / 1e9:.2f} GB" if total >= 1e9 else f"{total / 1e6:.1f} MB"
