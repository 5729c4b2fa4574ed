"""Our FastVlm and tokenizer files compared with transformers'."""

from pathlib import Path

import pytest
import torch
from model_fixtures import assert_same, small_config, synthetic_vlm
from synthetic.reference import transformers_model
from tokenizers import Tokenizer
from transformers import AutoTokenizer, FastVlmForConditionalGeneration

from fastvlm.model_folder import write_configs
from fastvlm.model import FastVlm
from fastvlm.samples import Sample, generate_samples
from fastvlm.tokenizer import prompt_parts

CFG = small_config(branches=True)
LIMIT = 24


@pytest.fixture(scope="module")
def image_token(tokenizer: Tokenizer) -> int:
    return tokenizer.token_to_id("<image>")


@pytest.fixture(scope="module")
def ours() -> FastVlm:
    model = synthetic_vlm(CFG)
    model.vision_tower.fold()
    return model


@pytest.fixture(scope="module")
def theirs(ours: FastVlm, image_token: int) -> FastVlmForConditionalGeneration:
    return transformers_model(ours, image_token)


@pytest.fixture(scope="module")
def samples(tokenizer: Tokenizer) -> list[Sample]:
    return generate_samples(tokenizer, 4, seed=1, size=CFG.size)


@torch.inference_mode()
def test_image_features(ours, theirs, samples) -> None:
    for sample in samples:
        wanted = theirs.get_image_features(sample.pixels).pooler_output
        assert_same(ours.image_features(sample.pixels), wanted)


@torch.inference_mode()
def test_logits_of_the_whole_prompt(ours, theirs, samples, image_token) -> None:
    for sample in samples:
        ids = torch.tensor([sample.ids])
        wanted = theirs(input_ids=ids, pixel_values=sample.pixels).logits
        features = ours.image_features(sample.pixels)
        step = next(ours.decode(features, sample.ids, image_token))
        assert_same(step.logits, wanted)


@torch.inference_mode()
def test_greedy_tokens(ours, theirs, samples, image_token) -> None:
    for sample in samples:
        got = ours.generate(sample.pixels, sample.ids, image_token, set(), LIMIT)
        wanted = theirs.generate(
            input_ids=torch.tensor([sample.ids]),
            pixel_values=sample.pixels,
            attention_mask=torch.ones(1, len(sample.ids), dtype=torch.long),
            do_sample=False,
            max_new_tokens=LIMIT,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert got == wanted[0, len(sample.ids) :].tolist()
        assert len(set(got)) > 1


def test_tokenizer_files(tokenizer: Tokenizer, tmp_path: Path) -> None:
    write_configs(tmp_path, CFG, tokenizer)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    before, after = prompt_parts("Is there an orange star?")
    messages = [{"role": "user", "content": "<image>\nIs there an orange star?"}]
    prompt = loaded.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert prompt == f"{before}<image>{after}"
    ids = loaded(prompt, add_special_tokens=False).input_ids
    assert ids == tokenizer.encode(prompt).ids
    answer = tokenizer.encode("An orange star.<|im_end|>").ids
    assert loaded.decode(answer, skip_special_tokens=True) == "An orange star."
    assert loaded.eos_token == "<|im_end|>"
