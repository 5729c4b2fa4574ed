"""The synthetic models."""

from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from fastvlm.config import CONFIGS, FastVlmConfig


@dataclass(frozen=True)
class SyntheticModel:
    cfg: FastVlmConfig
    graphs: tuple[str, ...]
    # The graphs that synthetic.mjs writes unless others are named.
    default_graphs: tuple[str, ...]
    # Rows of the embedding table.
    rows: int
    # Maximum sequence length in the tokenizer's configuration.
    context: int
    # Id of the first of the four special tokens (<image> is the last). None: as in
    # the committed tokenizer; otherwise synthetic.mjs extends its vocabulary.
    first_special: int | None = None

    def tokenizer(self, committed: Tokenizer) -> "RenumberedTokenizer":
        return RenumberedTokenizer(committed, self.first_special)


@dataclass(frozen=True)
class RenumberedTokenizer:
    """The part of Tokenizer that SpecialTokens uses, with other special ids."""

    tokenizer: Tokenizer
    first_special: int | None

    def token_to_id(self, token: str) -> int:
        first = self.tokenizer.token_to_id("<|endoftext|>")
        offset = 0 if self.first_special is None else self.first_special - first
        return self.tokenizer.token_to_id(token) + offset

def tiny_wide() -> SyntheticModel:
    """The widths of 0.5B, with one block per stage, two decoder layers and nano's
    vocabulary."""
    cfg = CONFIGS["fastvlm-0.5b"]
    vision = replace(cfg.vision, depths=(1, 1, 1, 1, 1))
    text = replace(cfg.text, layers=2, vocab=448, max_position=512, tied=False)
    graphs = ("vision_encoder", "embed_tokens", "decoder_model_merged")
    return SyntheticModel(
        replace(cfg, name="tiny-wide", text=text, vision=vision, size=128),
        graphs,
        default_graphs=graphs,
        rows=448,
        context=512,
    )


def fastvlm_05b() -> SyntheticModel:
    """As published, where <image>, the last id, has an embedding but no logit."""
    cfg, image = CONFIGS["fastvlm-0.5b"], 151_646
    default_graphs = (
        "vision_encoder",
        "embed_tokens",
        "embed_tokens_fp16",
        "decoder_model_merged_q4",
    )
    return SyntheticModel(
        replace(cfg, text=replace(cfg.text, vocab=image, tied=False)),
        (
            *default_graphs,
            "vision_encoder_fp16",
            "decoder_model_merged_q4f16",
            "vision_encoder_quantized",
            "embed_tokens_quantized",
            "decoder_model_merged_quantized",
        ),
        default_graphs,
        rows=image + 1,
        context=8192,
        first_special=image - 3,
    )


MODELS = {"tiny-wide": tiny_wide(), "fastvlm-0.5b": fastvlm_05b()}
