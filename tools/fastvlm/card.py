"""The model card: what the model is, was trained on, and measurably can do."""

import json
from dataclasses import dataclass
from pathlib import Path

from .config import FastVlmConfig
from .verify import Loss

KINDS = {
    "describe": "Describe the image.",
    "count": "How many shapes are there?",
    "color": "What color is the circle?",
    "shape": "What shape is red?",
    "exists": "Is there a red circle?",
    "read": "Read the text.",
}


@dataclass(frozen=True)
class Facts:
    """Of the training, from the checkpoint."""

    pictures: int
    seconds: float
    device: str


CARD = """\
---
license: mit
language: en
library_name: transformers.js
pipeline_tag: image-text-to-text
---

# {name}: FastVLM, small, for a drawn world

FastVLM's architecture (FastViTHD encoder, two-layer projector, Qwen2 decoder;
arXiv 2412.13303) in a small setting, trained from scratch. It is there to show
that everything works: it knows a drawn world and nothing else. No part of it
comes from Apple's or anyone else's weights.

## What it sees

1 to 4 shapes (circle, square, triangle, star) in red, green, blue, yellow,
orange, purple, black or white on a white, gray, pink or black ground; or a
printed text of 1 to 6 characters A-Z 0-9. Pictures from 9:16 to 16:9 with the
noise, blur, compression and light of a camera, letterboxed to {side} x {side}.

It answers these questions, in these words:

| kind | question |
| --- | --- |
{questions}

## Training

{training}

## Accuracy

{accuracy}

## Files

`onnx/` has the three graphs in float32 and in 4 bits (`_q4`: MatMulNBits, blocks
of 32; convolutions stay float32). {loss}

## Limits

Photographs, handwriting, several texts, other shapes, colours, questions and
languages are unknown to it: it answers anyway, wrongly. Other picture sizes than
{side} run, but it was not trained for them.

## Licence

MIT, as the repository that trains it (`tools/`).
"""


def write_card(
    folder: Path, cfg: FastVlmConfig, facts: Facts, loss: Loss, accuracy: Path | None
) -> None:
    questions = "\n".join(f"| {kind} | {example} |" for kind, example in KINDS.items())
    text = CARD.format(
        name=cfg.name,
        side=cfg.side,
        questions=questions,
        training=describe_training(facts),
        accuracy=describe_accuracy(accuracy),
        loss=describe_loss(loss),
    )
    (folder / "README.md").write_text(text)


def describe_training(facts: Facts) -> str:
    if not facts.pictures:
        return "None: the weights are made, for tests."
    hours = facts.seconds / 3600
    took = f"{hours:.1f} hours" if hours >= 1 else f"{facts.seconds / 60:.0f} minutes"
    return (
        f"{facts.pictures:,} fresh pictures of the drawn world, each with all its\n"
        f"questions, in {took} on one {facts.device}."
    )


def describe_loss(loss: Loss) -> str:
    exact, quantised = loss.right
    return (
        f"Of {loss.answers} fresh\nquestions {exact} are answered right in float32 and "
        f"{quantised} in 4 bits; {loss.same} answers are\nthe same, token for token."
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
            f"Exact answers on {measured['scenes']} fresh scenes, measured through the browser",
            f"({measured['dtype']}, {measured['device']}):",
            "",
            "| kind | questions | exact |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
