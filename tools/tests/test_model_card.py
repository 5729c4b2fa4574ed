"""The model card reports training and measurements."""

import json
from pathlib import Path

from model_fixtures import NANO

from fastvlm.model_card import AnswerCounts, TrainingRun, write_card

COUNTS = AnswerCounts(questions=100, same=97, right=93, right_q4=92)


def test_card_of_a_trained_and_measured_model(tmp_path: Path) -> None:
    figures = {
        "model": "nano",
        "dtype": "fp32",
        "device": "wasm",
        "scenes": 500,
        "kinds": {
            "describe": {"asked": 500, "exact": 461},
            "count": {"asked": 300, "exact": 299},
        },
        "misses": [],
    }
    (tmp_path / "accuracy.json").write_text(json.dumps(figures))
    run = TrainingRun(images=1_250_000, seconds=5.5 * 3600, device="CPU")
    write_card(tmp_path, NANO, run, COUNTS, tmp_path / "accuracy.json")
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlicense: mit\n")
    for said in (
        "1,250,000 generated images",
        "in\n5.5 hours on one CPU",
        "| describe | 500 | 92.2 % |",
        "| count | 300 | 99.7 % |",
        "500 new scenes, measured in the browser\n(fp32, wasm)",
        "93 are answered correctly in float32 and 92 in 4 bits; 97 answers",
        "256 x 256",
    ):
        assert said in card


def test_card_of_synthetic_weights_reports_no_training(tmp_path: Path) -> None:
    write_card(tmp_path, NANO, TrainingRun(0, 0.0, ""), COUNTS, None)
    card = (tmp_path / "README.md").read_text()
    assert "None: the weights are synthetic" in card
    assert "Not measured." in card
