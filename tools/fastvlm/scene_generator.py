"""Generates scenes, questions about them, and the exact answers.

A scene shows one to four shapes, or one printed text, on a ground of another
colour. All lengths are fractions of the longer side, so a scene does not depend on
the resolution of its image.
"""

import math
from dataclasses import dataclass, field
from random import Random

SHAPES = ("circle", "square", "triangle", "star")
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "black", "white")
GROUNDS = ("white", "gray", "pink", "black")
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
NUMBERS = ("Zero", "One", "Two", "Three", "Four")


@dataclass(frozen=True)
class Shape:
    kind: str
    color: str
    x: float
    y: float
    radius: float
    angle: float  # degrees


@dataclass(frozen=True)
class Text:
    value: str
    color: str
    font: str
    x: float
    y: float
    height: float  # font size, not letter height
    angle: float


@dataclass(frozen=True)
class Scene:
    width: float  # the longer of width and height is 1
    height: float
    ground: str
    shapes: tuple[Shape, ...] = ()
    text: Text | None = None


@dataclass(frozen=True)
class Question:
    kind: str
    question: str
    answer: str


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def phrase(shape: Shape) -> str:
    return article(f"{shape.color} {shape.kind}")


def sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def describe(scene: Scene) -> str:
    if scene.text is not None:
        t = scene.text
        return f"The text {t.value} in {t.color} on a {scene.ground} background."
    shapes = sorted(scene.shapes, key=lambda s: s.x)
    if len(shapes) == 2:
        a, b = shapes
        if abs(a.x - b.x) > abs(a.y - b.y):
            words = f"{phrase(a)} left of {phrase(b)}"
        else:
            a, b = sorted(shapes, key=lambda s: s.y)
            words = f"{phrase(a)} above {phrase(b)}"
    else:
        *head, last = map(phrase, shapes)
        words = f"{', '.join(head)} and {last}" if head else last
    return sentence(f"{words} on a {scene.ground} background")


def questions(scene: Scene, rng: Random) -> list[Question]:
    """One question of every kind that the scene answers unambiguously."""
    asked = [Question("describe", "Describe the image.", describe(scene))]
    if scene.text is not None:
        return [*asked, Question("read", "Read the text.", scene.text.value)]
    asked.append(
        Question("count", "How many shapes are there?", f"{NUMBERS[len(scene.shapes)]}.")
    )
    kinds = [s.kind for s in scene.shapes]
    colors = [s.color for s in scene.shapes]
    alone = [s for s in scene.shapes if kinds.count(s.kind) == 1]
    if alone:
        s = rng.choice(alone)
        asked.append(
            Question("color", f"What color is the {s.kind}?", sentence(s.color))
        )
    alone = [s for s in scene.shapes if colors.count(s.color) == 1]
    if alone:
        s = rng.choice(alone)
        asked.append(
            Question("shape", f"What shape is {s.color}?", sentence(article(s.kind)))
        )
    there = {(s.color, s.kind) for s in scene.shapes}
    color, kind = rng.choice(sorted(there))
    asked.append(exists(color, kind, True))
    # Half of the negative questions share a colour or a shape with the scene.
    if rng.random() < 0.5:
        missing = [(c, kind) for c in COLORS] + [(color, k) for k in SHAPES]
    else:
        missing = [(c, k) for c in COLORS for k in SHAPES]
    color, kind = rng.choice([pair for pair in missing if pair not in there])
    return [*asked, exists(color, kind, False)]


def exists(color: str, kind: str, answer: bool) -> Question:
    name = article(f"{color} {kind}")
    return Question("exists", f"Is there {name}?", "Yes." if answer else "No.")


@dataclass(frozen=True)
class Sampler:
    """Samples scenes. `difficulty` in 0..1 lowers the minimum size of shapes and text
    and raises the maximum length of text."""

    fonts: tuple[str, ...]
    difficulty: float = 1.0
    text_share: float = 0.4
    counts: tuple[float, ...] = field(default=(0.2, 0.35, 0.225, 0.225))

    def scene(self, rng: Random) -> Scene:
        # 9:16 to 16:9, one in four square.
        ratio = 1.0 if rng.random() < 0.25 else (16 / 9) ** rng.uniform(-1, 1)
        width, height = (1.0, 1 / ratio) if ratio > 1 else (ratio, 1.0)
        if rng.random() < self.text_share:
            return self.text_scene(rng, width, height)
        while True:
            shapes = self.shapes(rng, width, height)
            if shapes is not None:
                break
        grounds = [g for g in GROUNDS if g not in {s.color for s in shapes}]
        return Scene(width, height, rng.choice(grounds), shapes)

    def shapes(self, rng: Random, width: float, height: float):
        count = rng.choices((1, 2, 3, 4), self.counts)[0]
        smallest = 0.09 - 0.055 * self.difficulty
        largest = 0.42 / math.sqrt(count) * min(width, height)
        # One colour is excluded, so that a ground of another colour remains.
        banned = rng.choice(COLORS)
        placed: list[Shape] = []
        for _ in range(60):
            radius = smallest * (largest / smallest) ** rng.random()
            if width < 2.2 * radius or height < 2.2 * radius:
                continue
            x = rng.uniform(1.1 * radius, width - 1.1 * radius)
            y = rng.uniform(1.1 * radius, height - 1.1 * radius)
            if any(
                math.hypot(x - o.x, y - o.y) < 1.05 * (radius + o.radius)
                or not clear_order(x - o.x, y - o.y, count)
                for o in placed
            ):
                continue
            color = rng.choice([c for c in COLORS if c != banned])
            angle = rng.choice((0.0, 0.0, rng.uniform(-20, 20), rng.uniform(-180, 180)))
            placed.append(Shape(rng.choice(SHAPES), color, x, y, radius, angle))
            if len(placed) == count:
                if {"white", "black"} <= {s.color for s in placed}:
                    return tuple(placed) if rng.random() < 0.5 else None
                return tuple(placed)
        return None

    def text_scene(self, rng: Random, width: float, height: float) -> Scene:
        most = 2 + round(4 * self.difficulty)
        value = "".join(rng.choices(CHARACTERS, k=rng.randint(1, most)))
        # Letters are about 0.62 font sizes wide.
        largest = min(0.8 * height, 0.9 * width / (0.68 * len(value)), 0.6)
        smallest = min(0.2 - 0.12 * self.difficulty, largest)
        size = smallest * (largest / smallest) ** rng.random()
        angle = rng.uniform(-8, 8) if rng.random() < 0.4 else 0.0
        dx = 0.36 * size * len(value)
        dy = 0.45 * size + abs(math.sin(math.radians(angle))) * dx
        x = rng.uniform(dx, width - dx) if 2 * dx < width else width / 2
        y = rng.uniform(dy, height - dy) if 2 * dy < height else height / 2
        color = rng.choice(COLORS)
        ground = rng.choice([g for g in GROUNDS if g != color])
        text = Text(value, color, rng.choice(self.fonts), x, y, size, angle)
        return Scene(width, height, ground, text=text)


def clear_order(dx: float, dy: float, count: int) -> bool:
    """Whether the order of two shapes is unambiguous."""
    if count == 2:
        return abs(abs(dx) - abs(dy)) > 0.03
    return abs(dx) > 0.03
