"""The committed golden outputs of tiny-wide are what transformers computes."""

import json

import torch
from shapes.golden import CASES, GOLDEN, NAME, PICTURES, golden_case, made_model
from shapes.reference import published
from shapes.skeleton import TOKENIZER
from tokenizers import Tokenizer


def test_committed_outputs_are_those_of_the_made_weights() -> None:
    """Else: python -m shapes.golden."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    model = made_model(NAME)
    theirs = published(model, tokenizer.token_to_id("<image>"))
    committed = json.loads(GOLDEN.read_text())
    assert len(committed) == len(CASES)
    for (side, question), wanted in zip(CASES.items(), committed, strict=True):
        picture = PICTURES / f"{side}.png"
        got = golden_case(model, theirs, tokenizer, picture, question)
        assert got.keys() == wanted.keys()
        assert got["promptIds"] == wanted["promptIds"]
        for name in ("features", "featureNorms", "logits"):
            values = torch.tensor(wanted[name])
            # Somebody else's processor may add up in another order.
            error = (torch.tensor(got[name]) - values).abs().max() / values.abs().max()
            assert error <= 1e-5, name
        assert torch.tensor(wanted["logits"]).std() > 1


def test_the_picture_decides_the_outputs() -> None:
    """Else parity of the encoder would be parity of its biases."""
    first, *others = json.loads(GOLDEN.read_text())
    rows = [torch.tensor(case["features"]) for case in (first, *others)]
    for features in rows:
        spread = features.std(0).mean() / features.abs().max()
        assert spread > 0.02
    shared = min(len(features) for features in rows)
    difference = (rows[0][:shared] - rows[1][:shared]).abs().max()
    assert difference / rows[0].abs().max() > 0.02
