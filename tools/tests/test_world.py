"""The exact sentences of the drawn world."""

from random import Random

import pytest

from fastvlm.draw import installed_fonts
from fastvlm.world import (
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
    ("drawn", "sentence"),
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
def test_descriptions(drawn: Scene, sentence: str) -> None:
    assert describe(drawn) == sentence


def answers(drawn: Scene, seed: int = 0) -> dict[str, str]:
    return {q.question: q.answer for q in questions(drawn, Random(seed))}


def test_questions_of_one_shape() -> None:
    asked = answers(CIRCLE)
    assert asked["Describe the image."] == "A red circle on a white background."
    assert asked["How many shapes are there?"] == "One."
    assert asked["What color is the circle?"] == "Red."
    assert asked["What shape is red?"] == "A circle."
    assert asked["Is there a red circle?"] == "Yes."
    assert [a for a in asked.values()].count("No.") == 1


def test_questions_of_a_text() -> None:
    assert answers(TEXT) == {
        "Describe the image.": "The text A7K2 in red on a white background.",
        "Read the text.": "A7K2",
    }


def test_four_shapes_are_counted_and_doubtful_questions_are_not_asked() -> None:
    drawn = scene(
        "gray",
        shape("red circle", 0.1),
        shape("red circle", 0.4),
        shape("red star", 0.6),
        shape("orange circle", 0.9),
    )
    for seed in range(20):
        asked = answers(drawn, seed)
        assert asked["How many shapes are there?"] == "Four."
        assert "What color is the circle?" not in asked
        assert "What shape is red?" not in asked
        assert asked["What color is the star?"] == "Red."
        assert asked["What shape is orange?"] == "A circle."


def test_yes_and_no_are_true() -> None:
    rng, sampler = Random(5), Sampler(installed_fonts(), text_share=0)
    for _ in range(200):
        drawn = sampler.scene(rng)
        there = {f"{s.color} {s.kind}" for s in drawn.shapes}
        for q in questions(drawn, rng):
            if q.kind == "exists":
                name = q.question.removeprefix("Is there a").removeprefix("n").strip(" ?")
                assert q.answer == ("Yes." if name in there else "No.")


def test_sampled_scenes_keep_to_the_world() -> None:
    rng, sampler = Random(3), Sampler(installed_fonts())
    counts, ratios = set(), []
    for _ in range(500):
        drawn = sampler.scene(rng)
        ratios.append(drawn.width / drawn.height)
        assert drawn.ground in GROUNDS
        if drawn.text is not None:
            assert 1 <= len(drawn.text.value) <= 6
            assert drawn.text.color != drawn.ground
            continue
        counts.add(len(drawn.shapes))
        for s in drawn.shapes:
            assert s.kind in SHAPES and s.color in COLORS and s.color != drawn.ground
            assert s.radius <= s.x <= drawn.width - s.radius
            assert s.radius <= s.y <= drawn.height - s.radius
    assert counts == {1, 2, 3, 4}
    assert 9 / 16 <= min(ratios) < 0.6 and 1.7 < max(ratios) <= 16 / 9
