"""Draws fresh scenes with their questions, as pictures a camera gives.

    python -m fastvlm.scenes --out DIR --count 500 --seed 1

Writes PNG files and scenes.jsonl, a line for each:
{"file": …, "questions": [{"question": …, "answer": …, "kind": …}, …]}.
"""

import argparse
import io
import json
from pathlib import Path
from random import Random

from PIL import Image

from .draw import camera, draw, installed_fonts, letterbox
from .world import Question, Sampler, questions

# Pixels of a picture's longer side.
SIDES = (256, 320, 384, 480, 512, 640, 720, 800, 1024, 1280)


def draw_scene(
    sampler: Sampler, rng: Random, side: int | None
) -> tuple[Image.Image, list[Question]]:
    """A camera's picture of any size, or a letterboxed square of `side`."""
    scene = sampler.scene(rng)
    longer = rng.choice(SIDES) if side is None else side
    image = camera(draw(scene, longer, rng)[0], rng)
    if side is not None:
        image = letterbox(image, side)
    return image, questions(scene, rng)


def write_scenes(
    out: Path,
    count: int,
    seed: int,
    side: int | None = None,
    largest: int | None = None,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rng, sampler = Random(seed), Sampler(installed_fonts())
    lines: list[str] = []
    while len(lines) < count:
        image, asked = draw_scene(sampler, rng, side)
        png = io.BytesIO()
        image.save(png, "PNG", optimize=largest is not None)
        if largest is not None and len(png.getbuffer()) > largest:
            continue
        file = f"{len(lines):04}.png"
        (out / file).write_bytes(png.getvalue())
        lines.append(json.dumps({"file": file, "questions": [vars(q) for q in asked]}))
    (out / "scenes.jsonl").write_text("".join(f"{line}\n" for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", type=int, help="letterbox to squares of this side")
    parser.add_argument(
        "--largest", type=int, help="leave out pictures whose files have more bytes"
    )
    write_scenes(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
