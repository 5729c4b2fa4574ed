"""Converts the tokenizer files of a checkpoint: adds `<image>` like the published
export, and a chat template that accepts plain text."""

from pathlib import Path

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Tokenizer

from fastvlm.json_file import write_json
from fastvlm.model_folder import SpecialTokens
from fastvlm.tokenizer import CHAT_TEMPLATE, added_tokens

from .checkpoint import ConvertError, read_json

REQUIRED = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
IMAGE = "<image>"


def load_tokenizer(source: Path) -> Tokenizer:
    """Adds `<image>` with the next free id, unless the checkpoint has it. Training
    leaves padding and truncation behind, which would change prompts."""
    if (source / "tokenizer.json").exists():
        tokenizer = read_tokenizer(source / "tokenizer.json")
    else:
        tokenizer = build_tokenizer(source)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for token in REQUIRED:
        if tokenizer.token_to_id(token) is None:
            raise ConvertError(f"{source}: the tokenizer has no {token}")
    if tokenizer.token_to_id(IMAGE) is None:
        tokenizer.add_special_tokens([AddedToken(IMAGE, normalized=False)])
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ConvertError(f"{path} cannot be read: {error}") from None


def build_tokenizer(source: Path) -> Tokenizer:
    for name in ("vocab.json", "merges.txt"):
        if not (source / name).exists():
            raise ConvertError(f"{source}: neither tokenizer.json nor {name} exists")
    try:
        from transformers import Qwen2Tokenizer
    except ImportError:
        raise ConvertError(
            f"{source} has no tokenizer.json. To build it from vocab.json and merges.txt, "
            "install transformers: pip install -r requirements-convert.txt"
        ) from None
    return Qwen2Tokenizer.from_pretrained(source).backend_tokenizer


def write_tokenizer(
    tokenizer: Tokenizer, source: Path, out: Path, vocab: int, limit: int
) -> list[str]:
    """Returns descriptions of the changes."""
    token = SpecialTokens.of(tokenizer)
    last = max(tokenizer.get_vocab().values())
    if last >= vocab:
        raise ConvertError(
            f"{source}: the tokenizer has ids up to {last}, but the embedding has only {vocab} rows"
        )
    tokenizer.save(str(out / "tokenizer.json"))
    path, notes = source / "tokenizer_config.json", []
    config = read_json(path) if path.exists() else {}
    template = read_template(source, config)
    if not accepts_plain_text(template):
        notes.append("replaced the chat template by ChatML for plain text")
        template = CHAT_TEMPLATE
    stated = config.get("model_max_length")
    config |= {
        "add_prefix_space": False,
        "added_tokens_decoder": added_tokens(tokenizer),
        "bos_token": None,
        "chat_template": template,
        "eos_token": "<|im_end|>",
        "model_max_length": min(limit, stated) if isinstance(stated, int) else limit,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "Qwen2Tokenizer",
    }
    config.pop("auto_map", None)
    config.pop("extra_special_tokens", None)
    config["additional_special_tokens"] = ["<|im_start|>", "<|im_end|>", IMAGE]
    write_json(out / "tokenizer_config.json", config)
    notes.append(f"{IMAGE} has id {token.image}")
    return notes


def read_template(source: Path, config: dict) -> str | None:
    """The first chat template among the places where transformers looks."""
    if (source / "chat_template.jinja").exists():
        return (source / "chat_template.jinja").read_text(encoding="utf-8")
    template = config.get("chat_template")
    if template is None and (source / "chat_template.json").exists():
        template = read_json(source / "chat_template.json").get("chat_template")
    if isinstance(template, list):
        named = {entry.get("name"): entry.get("template") for entry in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def accepts_plain_text(template: str | None) -> bool:
    """Whether the template renders plain text messages as ChatML."""
    if template is None:
        return False
    messages = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": f"{IMAGE}\nQ"},
    ]
    wanted = (
        f"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n{IMAGE}\nQ<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    try:
        compiled = environment.from_string(template)
        return compiled.render(messages=messages, add_generation_prompt=True) == wanted
    except (TemplateError, TypeError, AttributeError):
        return False
