"""nano's model card: architecture, training, measured accuracy."""

import json
from dataclasses import dataclass
from pathlib import Path

from .config import FastVlmConfig

KINDS = {
    "describe": "Describe the image.",
    "count": "How many shapes are there?",
    "color": "What color is the circle?",
    "shape": "What shape is red?",
    "exists": "Is there a red circle?",
    "read": "Read the text.",
}


@dataclass(frozen=True)
class TrainingRun:
    """How a checkpoint was trained; `images` is 0 for synthetic weights."""

    images: int
    seconds: float
    device: str


@dataclass(frozen=True)
class AnswerCounts:
    """Answers to new questions in float32 and in 4 bits."""

    questions: int
    same: int  # identical tokens
    right: int  # correct in float32
    right_q4: int


CARD = """\
---
license: mit
language: en
library_name: transformers.js
pipeline_tag: image-text-to-text
---

# {name}: a small FastVLM for generated scenes

FastVLM's architecture (FastViTHD encoder, two-layer projector, Qwen2 decoder;
arXiv 2412.13303) at a small size, trained from scratch as a demo model. It
recognises only coloured shapes and short printed text. It contains no weights
from Apple or anyone else.

## Input

1 to 4 shapes (circle, square, triangle, star) in red, green, blue, yellow,
orange, purple, black or white on a white, gray, pink or black ground; or a
printed text of 1 to 6 characters A-Z 0-9. Images from 9:16 to 16:9 with the
noise, blur, compression and lighting of a camera, letterboxed to {size} x {size}.

It answers these questions, in this wording:

| kind | question |
| --- | --- |
{questions}

## Training

{training}

## Accuracy

{accuracy}

## Files

`onnx/` has the three graphs in float32 and in 4 bits (`_q4`: MatMulNBits, blocks
of 32; convolutions stay float32). {counts}

## Limits

Its answers about photographs, handwriting, several texts, other shapes or
colours, other questions and other languages are wrong. Image sizes other than
{size} run, but it was not trained for them.

## Licence

MIT, like the repository with its training code (`tools/`).
"""


def write_card(
    folder: Path, cfg: FastVlmConfig, run: TrainingRun, counts: AnswerCounts, accuracy: Path | None
) -> None:
    questions = "\n".join(f"| {kind} | {example} |" for kind, example in KINDS.items())
    text = CARD.format(
        name=cfg.name,
        size=cfg.size,
        questions=questions,
        training=describe_training(run),
        accuracy=describe_accuracy(accuracy),
        counts=describe_counts(counts),
    )
    (folder / "README.md").write_text(text)


def describe_training(run: TrainingRun) -> str:
    if not run.images:
        return "None: the weights are synthetic, for tests."
    hours = run.seconds / 3600
    took = f"{hours:.1f} hours" if hours >= 1 else f"{run.seconds / 60:.0f} minutes"
    return (
        f"{run.images:,} generated images, each shown once with all its questions, in\n"
        f"{took} on one {run.device}."
    )


def describe_counts(counts: AnswerCounts) -> str:
    return (
        f"Of {counts.questions} new\nquestions, {counts.right} are answered correctly in float32 "
        f"and {counts.right_q4} in 4 bits; {counts.same} answers\nare identical, token for token."
    )


def describe_accuracy(figures: Path | None) -> str:
    if figures is None:
        return "Not measured."
    measured = json.loads(figures.read_text())
    rows = [
        f"| {kind} | {tally['asked']} | {100 * tally['exact'] / tally['asked']:.1f} % |"
        for kind, tally in measured["kinds"].items()
    ]
    return "\n".join(
        [
            f"Exact answers on {measured['scenes']} new scenes, measured in the browser",
            f"({measured['dtype']}, {measured['device']}):",
            "",
            "| kind | questions | exact |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
