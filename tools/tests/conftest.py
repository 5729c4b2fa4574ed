import pytest
import torch
from model_fixtures import NANO
from tokenizers import Tokenizer

from fastvlm.tokenizer import build

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return build(NANO.text.vocab)
