"""Model sizes.

Dimensions of 0.5B, 1.5B and 7B: FastVLM (arXiv 2412.13303) sec. 3.2 and B,
and the Qwen2 configs. `nano` is the same architecture at a small size.
"""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class VisionConfig:
    """FastViTHD. Stages 1-3 mix tokens with RepMixer, 4-5 with attention."""

    depths: tuple[int, ...] = (2, 12, 24, 4, 2)
    widths: tuple[int, ...] = (96, 192, 384, 768, 1536)
    mlp_ratio: int = 4
    head_dim: int = 32
    layer_scale: float = 1e-5
    # False: each reparameterised convolution trains as its k x k branch alone.
    branches: bool = True

    @property
    def out_width(self) -> int:
        return 2 * self.widths[-1]


@dataclass(frozen=True)
class TextConfig:
    """Qwen2."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    # Rows of the embedding table.
    vocab: int
    tied: bool = True
    # Columns of the logits; None: one for each row of the table.
    head: int | None = None
    rope_theta: float = 1e6
    rms_eps: float = 1e-6
    max_position: int = 32768

    @property
    def logits(self) -> int:
        return self.vocab if self.head is None else self.head


@dataclass(frozen=True)
class FastVlmConfig:
    name: str
    text: TextConfig
    vision: VisionConfig = field(default_factory=VisionConfig)
    # Width and height of the encoder input in pixels.
    size: int = 1024

    def with_layers(self, layers: int) -> "FastVlmConfig":
        """The same widths with fewer decoder layers, for tests."""
        return replace(self, text=replace(self.text, layers=layers))


CONFIGS = {
    c.name: c
    for c in (
        FastVlmConfig(
            "nano",
            TextConfig(
                hidden=192,
                layers=4,
                heads=6,
                kv_heads=2,
                head_dim=32,
                ffn=512,
                vocab=448,
                rope_theta=1e4,
                max_position=1024,
            ),
            VisionConfig(
                depths=(1, 2, 6, 2, 1),
                widths=(16, 32, 64, 128, 256),
                layer_scale=0.1,
                branches=False,
            ),
            size=256,
        ),
        FastVlmConfig(
            "fastvlm-0.5b",
            TextConfig(896, 24, 14, 2, 64, 4864, 151936),
        ),
        FastVlmConfig(
            "fastvlm-1.5b",
            TextConfig(1536, 28, 12, 2, 128, 8960, 151936),
        ),
        FastVlmConfig(
            "fastvlm-7b",
            TextConfig(3584, 28, 28, 4, 128, 18944, 152064, tied=False),
        ),
    )
}
