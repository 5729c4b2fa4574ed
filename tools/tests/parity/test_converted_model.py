"""The converter against transformers: a model that it saves itself."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from model_fixtures import small_config
from tokenizers import Tokenizer
from synthetic.reference import transformers_config
from transformers import AutoTokenizer, FastVlmForConditionalGeneration

from convert.convert import Options, convert
from convert.synthetic_checkpoint import write_tokenizer
from convert.tokenizer_files import load_tokenizer
from convert.tokenizer_files import write_tokenizer as write_converted
from fastvlm.model_folder import SpecialTokens, write_model_configs
from fastvlm.synthetic_weights import fill_weights
from fastvlm.onnx_model import OnnxModel
from fastvlm.tokenizer import prompt_parts

CFG = small_config(branches=False)


def small(inference_mode: bool, tied: bool) -> FastVlmForConditionalGeneration:
    # Other values than the sizes' defaults: they have to come from the files.
    own = replace(CFG.text, max_position=512, rope_theta=3e4, rms_eps=3e-5, tied=tied)
    config = transformers_config(replace(CFG, text=own), 425, inference_mode=inference_mode)
    model = FastVlmForConditionalGeneration(config)
    fill_weights(model, seed=0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            # transformers' and timm's own classes, which fill_weights leaves.
            if name.endswith("norm.weight") and p.dim() == 1:
                p.uniform_(0.5, 1.5)
            elif "gamma" in name or "layer_scale" in name:
                p.uniform_(0.2, 0.8)
    model.tie_weights()
    return model.eval()


@pytest.mark.parametrize("inference_mode", [True, False], ids=["folded", "branches"])
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@torch.inference_mode()
def test_converts_a_checkpoint_saved_by_transformers(
    inference_mode: bool, tied: bool, tmp_path: Path
) -> None:
    theirs = small(inference_mode, tied)
    source, out = tmp_path / "checkpoint", tmp_path / "out"
    theirs.save_pretrained(source, max_shard_size="200KB")
    assert len(list(source.glob("*.safetensors"))) > 1
    write_tokenizer(CFG, source, slow=False)
    fields = {"size": {"shortest_edge": CFG.size}}
    (source / "preprocessor_config.json").write_text(json.dumps(fields))
    convert(Options(source, out, ("fp32",), "small"), print)
    ours = OnnxModel(out)
    pixels = torch.rand((1, 3, 128, 192), generator=torch.Generator().manual_seed(0))
    image = Tokenizer.from_file(str(out / "tokenizer.json")).token_to_id("<image>")
    ids = [3, 1, 4, *[image] * 6, 15, 92, 65]
    wanted = theirs(input_ids=torch.tensor([ids]), pixel_values=pixels).logits.numpy()
    x = ours.prompt_embeds(pixels.numpy(), ids, image)
    got, _ = ours.forward(x, ours.empty_cache())
    assert wanted.std() > 0.01
    assert np.abs(got - wanted).max() / np.abs(wanted).max() <= 1e-4
    tokens = theirs.generate(
        input_ids=torch.tensor([ids]),
        pixel_values=pixels,
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        do_sample=False,
        max_new_tokens=12,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert ours.generate(pixels.numpy(), ids, image, set(), 12) == tokens[0, len(ids) :].tolist()


def test_converts_a_tokenizer_of_vocab_and_merges(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Like Apple's checkpoints: without tokenizer.json and `<image>`."""
    write_tokenizer(CFG, tmp_path, slow=True)
    assert not (tmp_path / "tokenizer.json").exists()
    converted = load_tokenizer(tmp_path)
    text = "<|im_start|>user\n<image>\nIs there an orange star? Nö, 42!<|im_end|>\n"
    assert converted.encode(text).ids == tokenizer.encode(text).ids
    assert converted.decode(converted.encode("An orange star.").ids) == "An orange star."
    out = tmp_path / "out"
    out.mkdir()
    write_model_configs(out, CFG, SpecialTokens.of(converted))
    write_converted(converted, tmp_path, out, CFG.text.vocab, 128)
    loaded = AutoTokenizer.from_pretrained(out)
    assert loaded(text, add_special_tokens=False).input_ids == tokenizer.encode(text).ids
    assert loaded.model_max_length == 128
    messages = [{"role": "user", "content": "<image>\nIs there an orange star?"}]
    prompt = loaded.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    before, after = prompt_parts("Is there an orange star?")
    assert prompt == f"{before}<image>{after}"
