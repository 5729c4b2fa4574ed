"""Qwen2's ChatML, and a vocabulary with a token for every printed character."""

import json

import pytest
from jinja2 import Environment
from tokenizers import Tokenizer

from fastvlm.config import CONFIGS
from fastvlm.tokenizer import (
    CHAT_TEMPLATE,
    SPECIAL,
    SYSTEM,
    build,
    prompt_parts,
    save,
)
from fastvlm.scene_generator import CHARACTERS

QUESTION = "Describe the image."
PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n<image>\nDescribe the image.<|im_end|>\n"
    "<|im_start|>assistant\n"
)


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": SYSTEM}]])
def test_chat_template_renders_the_published_prompt(system: list) -> None:
    template = Environment().from_string(CHAT_TEMPLATE)
    messages = [*system, {"role": "user", "content": f"<image>\n{QUESTION}"}]
    assert template.render(messages=messages, add_generation_prompt=True) == PROMPT


def test_training_uses_the_published_prompt() -> None:
    before, after = prompt_parts(QUESTION)
    assert f"{before}<image>{after}" == PROMPT


def test_ids_fit_the_embeddings_and_end_with_the_special_tokens(
    tokenizer: Tokenizer,
) -> None:
    size = tokenizer.get_vocab_size()
    assert 256 + len(SPECIAL) < size <= CONFIGS["nano"].text.vocab
    assert [tokenizer.token_to_id(t) for t in SPECIAL] == [*range(size - 4, size)]


def test_training_the_tokenizer_is_deterministic(tokenizer: Tokenizer) -> None:
    assert build(CONFIGS["nano"].text.vocab).to_str() == tokenizer.to_str()


def test_special_tokens_are_single_tokens_in_the_prompt(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(PROMPT).tokens
    assert [t for t in tokens if t in SPECIAL] == [
        "<|im_start|>", "<|im_end|>", "<|im_start|>", "<image>", "<|im_end|>", "<|im_start|>",
    ]  # fmt: skip


def test_every_character_of_a_printed_text_is_a_token(tokenizer: Tokenizer) -> None:
    for text in (CHARACTERS, CHARACTERS[::-1]):
        assert tokenizer.encode(text).tokens == list(text)


@pytest.mark.parametrize("text", ["An orange star.", "naïve café 東京 🙂", " \n\t x"])
def test_any_text_round_trips(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_saved_config_has_the_token_ids(tokenizer: Tokenizer, tmp_path) -> None:
    save(tokenizer, tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    added = {int(i): t["content"] for i, t in config["added_tokens_decoder"].items()}
    assert added == {tokenizer.token_to_id(t): t for t in SPECIAL}
    again = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert again.encode(PROMPT).ids == tokenizer.encode(PROMPT).ids
