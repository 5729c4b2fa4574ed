"""Packed training sequences are equivalent to single prompts."""

import torch
from model_fixtures import NANO, synthetic_vlm
from tokenizers import Tokenizer

from fastvlm.batches import IGNORE, SequencePacker, packed_mask
from fastvlm.tokenizer import prompt_ids
from fastvlm.scene_generator import Question

QUESTIONS = [
    Question("describe", "Describe the image.", "A red circle on a white background."),
    Question("count", "How many shapes are there?", "One."),
    Question("exists", "Is there an orange star?", "No."),
    Question("read", "Read the text.", "A7K2"),
]


@torch.inference_mode()
def test_packed_questions_give_the_logits_of_single_prompts(tokenizer: Tokenizer) -> None:
    model = synthetic_vlm(NANO)
    language, features = model.language_model, torch.randn(1, 16, NANO.text.hidden)
    packer = SequencePacker(tokenizer, image_tokens=16)
    ids, positions, segments, targets = torch.from_numpy(packer.pack(QUESTIONS))[:, None]
    mask = packed_mask(segments, torch.float32)
    hidden, _ = language(model.embed(ids, features, packer.image), positions, mask)
    packed = model.lm_head(hidden)
    end = tokenizer.token_to_id("<|im_end|>")
    for segment, q in enumerate(QUESTIONS, 1):
        prompt, answer = prompt_ids(tokenizer, q.question, 16), tokenizer.encode(q.answer).ids
        alone = torch.tensor([[*prompt, *answer]])
        x = model.embed(alone, features, packer.image)
        hidden, _ = language(x, torch.arange(alone.shape[1])[None])
        wanted = model.lm_head(hidden)[0, len(prompt) - 1 :]
        where = (segments == segment) & (targets != IGNORE)
        assert targets[where].tolist() == [*answer, end]
        torch.testing.assert_close(packed[where], wanted, rtol=1e-4, atol=1e-4)
