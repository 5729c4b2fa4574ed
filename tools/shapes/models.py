"""The models of which skeletons are written."""

from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from fastvlm.config import CONFIGS, FastVlmConfig


@dataclass(frozen=True)
class Shape:
    cfg: FastVlmConfig
    graphs: tuple[str, ...]
    # What made.mjs writes unless told otherwise.
    usual: tuple[str, ...]
    # Rows of the embedding table.
    rows: int
    # Longest sequence that the tokenizer's configuration names.
    context: int
    # Id of the first of the four special tokens, <image> the last; None: as in
    # the committed tokenizer, which made.mjs else extends.
    special: int | None = None

    def tokenizer(self, committed: Tokenizer) -> "Renumbered":
        return Renumbered(committed, self.special)


@dataclass(frozen=True)
class Renumbered:
    """What fastvlm/folder.py asks of a tokenizer."""

    tokenizer: Tokenizer
    special: int | None

    def token_to_id(self, token: str) -> int:
        first = self.tokenizer.token_to_id("<|endoftext|>")
        return self.tokenizer.token_to_id(token) + (self.special or first) - first

    def save(self, path: str) -> None:
        self.tokenizer.save(path)


def tiny_wide() -> Shape:
    """0.5B's widths; one block a stage, two layers, the drawn world's words."""
    cfg = CONFIGS["fastvlm-0.5b"]
    vision = replace(cfg.vision, depths=(1, 1, 1, 1, 1))
    text = replace(cfg.text, layers=2, vocab=448, max_position=512, tied=False)
    graphs = ("vision_encoder", "embed_tokens", "decoder_model_merged")
    return Shape(
        replace(cfg, name="tiny-wide", text=text, vision=vision, side=128),
        graphs,
        usual=graphs,
        rows=448,
        context=512,
    )


def published(name: str, *, usual: tuple[str, ...], others: tuple[str, ...] = ()) -> Shape:
    """As published: <image>, the last id, has an embedding and no logit."""
    cfg, image = CONFIGS[name], 151_646
    text = replace(cfg.text, vocab=image, tied=False)
    return Shape(
        replace(cfg, text=text),
        (*usual, *others),
        usual,
        rows=image + 1,
        context=8192,
        special=image - 3,
    )


MODELS = {
    "tiny-wide": tiny_wide(),
    "fastvlm-0.5b": published(
        "fastvlm-0.5b",
        usual=(
            "vision_encoder",
            "embed_tokens",
            "embed_tokens_fp16",
            "decoder_model_merged_q4",
        ),
        others=("vision_encoder_fp16", "decoder_model_merged_q4f16"),
    ),
}
