"""Questions and answers of generated scenes."""

from random import Random

import pytest

from fastvlm.render import installed_fonts
from fastvlm.scene_generator import (
    COLORS,
    GROUNDS,
    SHAPES,
    Sampler,
    Scene,
    Shape,
    Text,
    describe,
    questions,
)


def shape(words: str, x: float = 0.5, y: float = 0.5) -> Shape:
    color, kind = words.split()
    return Shape(kind, color, x, y, radius=0.05, angle=0)


def scene(ground: str, *shapes: Shape) -> Scene:
    return Scene(1.0, 1.0, ground, shapes)


CIRCLE = scene("white", shape("red circle"))
TEXT = Scene(1.0, 1.0, "white", text=Text("A7K2", "red", "", 0.5, 0.5, 0.2, 0))


@pytest.mark.parametrize(
    ("generated", "sentence"),
    [
        (CIRCLE, "A red circle on a white background."),
        (scene("gray", shape("orange star")), "An orange star on a gray background."),
        (
            scene("white", shape("blue square", 0.8), shape("red circle", 0.2)),
            "A red circle left of a blue square on a white background.",
        ),
        (
            scene("pink", shape("red circle", 0.4, 0.8), shape("orange square", 0.6, 0.2)),
            "An orange square above a red circle on a pink background.",
        ),
        (
            scene("black", shape("red circle", 0.4, 0.2), shape("orange square", 0.6, 0.5)),
            "A red circle above an orange square on a black background.",
        ),
        (
            scene("black", shape("red circle", 0.7, 0.2), shape("orange square", 0.3, 0.5)),
            "An orange square left of a red circle on a black background.",
        ),
        (
            scene(
                "gray",
                shape("green star", 0.9, 0.1),
                shape("red circle", 0.1, 0.9),
                shape("blue square", 0.5, 0.2),
            ),
            "A red circle, a blue square and a green star on a gray background.",
        ),
        (
            scene(
                "white",
                shape("orange circle", 0.8),
                shape("purple triangle", 0.3),
                shape("black star", 0.1),
                shape("yellow square", 0.55),
            ),
            "A black star, a purple triangle, a yellow square and an orange circle"
            " on a white background.",
        ),
        (TEXT, "The text A7K2 in red on a white background."),
    ],
)
def test_descriptions(generated: Scene, sentence: str) -> None:
    assert describe(generated) == sentence


def answers(generated: Scene, seed: int = 0) -> dict[str, str]:
    return {q.question: q.answer for q in questions(generated, Random(seed))}


def test_questions_about_one_shape() -> None:
    asked = answers(CIRCLE)
    assert asked["Describe the image."] == "A red circle on a white background."
    assert asked["How many shapes are there?"] == "One."
    assert asked["What color is the circle?"] == "Red."
    assert asked["What shape is red?"] == "A circle."
    assert asked["Is there a red circle?"] == "Yes."
    assert [a for a in asked.values()].count("No.") == 1


def test_questions_about_a_text() -> None:
    assert answers(TEXT) == {
        "Describe the image.": "The text A7K2 in red on a white background.",
        "Read the text.": "A7K2",
    }


def test_counts_four_shapes_and_asks_no_ambiguous_questions() -> None:
    generated = scene(
        "gray",
        shape("red circle", 0.1),
        shape("red circle", 0.4),
        shape("red star", 0.6),
        shape("orange circle", 0.9),
    )
    for seed in range(20):
        asked = answers(generated, seed)
        assert asked["How many shapes are there?"] == "Four."
        assert "What color is the circle?" not in asked
        assert "What shape is red?" not in asked
        assert asked["What color is the star?"] == "Red."
        assert asked["What shape is orange?"] == "A circle."


def test_yes_and_no_are_right() -> None:
    rng, sampler = Random(5), Sampler(installed_fonts(), text_share=0)
    for _ in range(200):
        generated = sampler.scene(rng)
        there = {f"{s.color} {s.kind}" for s in generated.shapes}
        for q in questions(generated, rng):
            if q.kind == "exists":
                name = q.question.removeprefix("Is there a").removeprefix("n").strip(" ?")
                assert q.answer == ("Yes." if name in there else "No.")


def test_sampled_scenes_are_within_the_limits() -> None:
    rng, sampler = Random(3), Sampler(installed_fonts())
    counts, ratios = set(), []
    for _ in range(500):
        generated = sampler.scene(rng)
        ratios.append(generated.width / generated.height)
        assert generated.ground in GROUNDS
        if generated.text is not None:
            assert 1 <= len(generated.text.value) <= 6
            assert generated.text.color != generated.ground
            continue
        counts.add(len(generated.shapes))
        for s in generated.shapes:
            assert s.kind in SHAPES and s.color in COLORS and s.color != generated.ground
            assert s.radius <= s.x <= generated.width - s.radius
            assert s.radius <= s.y <= generated.height - s.radius
    assert counts == {1, 2, 3, 4}
    assert 9 / 16 <= min(ratios) < 0.6 and 1.7 < max(ratios) <= 16 / 9
