"""The committed golden outputs of tiny-wide equal what transformers computes."""

import json

import torch
from synthetic.golden import CASES, GOLDEN, IMAGES, NAME, golden_case, synthetic_model
from synthetic.reference import transformers_model
from synthetic.templates import TOKENIZER
from tokenizers import Tokenizer


def test_committed_outputs_equal_those_of_the_synthetic_weights() -> None:
    """If this fails, run python -m synthetic.golden."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    model = synthetic_model(NAME)
    theirs = transformers_model(model, tokenizer.token_to_id("<image>"))
    committed = json.loads(GOLDEN.read_text())
    assert len(committed) == len(CASES)
    for (size, question), wanted in zip(CASES.items(), committed, strict=True):
        path = IMAGES / f"{size}.png"
        got = golden_case(model, theirs, tokenizer, path, question)
        assert got.keys() == wanted.keys()
        assert got["promptIds"] == wanted["promptIds"]
        for name in ("features", "featureNorms", "logits"):
            values = torch.tensor(wanted[name])
            # Another processor may sum in another order.
            error = (torch.tensor(got[name]) - values).abs().max() / values.abs().max()
            assert error <= 1e-5, name
        assert torch.tensor(wanted["logits"]).std() > 1


def test_outputs_depend_on_the_image() -> None:
    """Otherwise the encoder's biases alone would give parity."""
    first, *others = json.loads(GOLDEN.read_text())
    rows = [torch.tensor(case["features"]) for case in (first, *others)]
    for features in rows:
        spread = features.std(0).mean() / features.abs().max()
        assert spread > 0.02
    shared = min(len(features) for features in rows)
    difference = (rows[0][:shared] - rows[1][:shared]).abs().max()
    assert difference / rows[0].abs().max() > 0.02
