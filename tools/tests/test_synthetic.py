"""Synthetic weights equal JavaScript's, and the templates equal the graph builders."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from synthetic.models import MODELS
from synthetic.templates import HERE, build, fill_json
from synthetic.weights import fill_values, floats

VECTOR = json.loads((HERE / "vector.json").read_text())


@pytest.mark.parametrize("case", VECTOR, ids=lambda case: case["fill"]["kind"])
def test_values_equal_the_committed_vector(case: dict) -> None:
    values = fill_values(case["fill"]).tobytes()
    assert values[:32].hex() == case["start"]
    assert sha256(values).hexdigest() == case["sha256"]


def test_values_are_uniform_and_uncorrelated() -> None:
    x = floats(seed=3, count=1 << 20, scale=2.0, base=1.0)
    assert -1 <= x.min() < -0.999 and 2.999 < x.max() <= 3
    assert abs(x.mean() - 1) < 0.01
    assert abs(x.std() - 2 / np.sqrt(3)) < 0.01
    other = floats(seed=4, count=1 << 20, scale=2.0, base=1.0)
    neighbours = np.corrcoef(x[:-1], x[1:])[0, 1], np.corrcoef(x, other)[0, 1]
    assert np.abs(neighbours).max() < 0.01


@pytest.mark.parametrize("name", MODELS)
def test_committed_templates_equal_the_builders(name: str) -> None:
    """If this fails, run python -m synthetic.templates and python -m synthetic.golden."""
    model, folder, files = MODELS[name], HERE / "models" / name, {}
    for graph in model.graphs:
        proto, fills = build(model, graph)
        files |= fills
        committed = (folder / "onnx" / f"{graph}.onnx").read_bytes()
        assert committed == proto.SerializeToString(deterministic=True), graph
    assert (folder / "fill.json").read_text() == fill_json(model, files)
