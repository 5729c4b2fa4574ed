"""nano's tokenizer: Qwen2's byte-level BPE and ChatML with a small vocabulary.

Merges are learnt from the scene generator's sentences without the printed texts,
so every character of a printed text remains a token of its own.
"""

from itertools import product
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.normalizers import NFC
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

from .json_file import write_json
from .scene_generator import COLORS, GROUNDS, NUMBERS, SHAPES, article, sentence

SYSTEM = "You are a helpful assistant."
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
# As in Qwen2: contractions, words, single digits, punctuation, spaces.
PRE_TOKENIZE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def corpus() -> list[str]:
    """Every word of the generated questions and answers, in context."""
    lines = [SYSTEM, "system\n", "user\n", "assistant\n", "\n"]
    for color, shape in product(COLORS, SHAPES):
        name = article(f"{color} {shape}")
        lines += [f"Is there {name}?", f"What shape is {color}?"]
        lines += [f"What color is the {shape}?", sentence(article(shape)), sentence(color)]
        for ground in GROUNDS:
            end = f"on a {ground} background"
            lines += [sentence(f"{name} {end}"), f"The text in {color} {end}."]
            for place in ("left of", "above", "and", ","):
                lines.append(sentence(f"{name} {place} {name} {end}"))
    lines += ["Describe the image.", "Read the text.", "How many shapes are there?"]
    return lines * 4 + [f"{n}." for n in (*NUMBERS, "Yes", "No")] * 50


def build(vocab: int) -> Tokenizer:
    """Trains a tokenizer with at most `vocab` ids, the special tokens last."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = NFC()
    tokenizer.pre_tokenizer = Sequence(
        [
            Split(Regex(PRE_TOKENIZE), "isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab - len(SPECIAL),
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in SPECIAL])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes tokenizer.json and tokenizer_config.json as transformers reads them."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": added_tokens(tokenizer),
        "additional_special_tokens": list(SPECIAL[1:]),
        "bos_token": None,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 1024,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    write_json(folder / "tokenizer_config.json", config)


def added_tokens(tokenizer: Tokenizer) -> dict[str, dict]:
    """The special tokens by id, for tokenizer_config.json."""
    fields = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    return {
        str(i): {name: getattr(token, name) for name in fields}
        for i, token in sorted(tokenizer.get_added_tokens_decoder().items())
    }


def prompt_parts(question: str) -> tuple[str, str]:
    """The prompt before and after the image (FastVLM's `qwen_2` template)."""
    before = f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n"
    after = f"\n{question}<|im_end|>\n<|im_start|>assistant\n"
    return before, after


def prompt_ids(tokenizer: Tokenizer, question: str, image_tokens: int) -> list[int]:
    """The prompt with one `<image>` id per image token."""
    before, after = prompt_parts(question)
    image = [tokenizer.token_to_id("<image>")] * image_tokens
    return [*tokenizer.encode(before).ids, *image, *tokenizer.encode(after).ids]
