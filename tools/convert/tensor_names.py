"""Maps the tensor names of checkpoints to ours.

    ours (fastvlm/model.py)  vision_tower.* projector.* language_model.* lm_head.*
    apple                    model.vision_tower.vision_tower.model.*
                             model.mm_projector.{0,2}.* model.* lm_head.*
    transformers             model.vision_tower.timm_model.*
                             model.multi_modal_projector.* model.language_model.*
                             lm_head.*   (or with the older order of prefixes)

Either tower may come with the other's names of projector and language model.

Names within the tower are those of apple/ml-fastvlm's mci.py (a flat list of stages,
downsamplings and positional encodings) or of timm's fastvit.py, with training
branches or folded.
"""

import re
from dataclasses import dataclass

Rules = tuple[tuple[str, str], ...]

# Tensors without use here: CLIP's head, counters, computed tables.
UNUSED = re.compile(
    r"num_batches_tracked$|rotary_emb\.inv_freq$"
    r"|vision_tower\.(vision_tower\.model|timm_model)\.head\."
)

# Index in Apple's flat list -> our stage and its part.
PLACES = {
    0: "0.blocks", 1: "1.downsample", 2: "1.blocks", 3: "2.downsample", 4: "2.blocks",
    5: "3.downsample", 6: "3.pos_emb", 7: "3.blocks",
    8: "4.downsample", 9: "4.pos_emb", 10: "4.blocks",
}  # fmt: skip
APPLE_TOWER = "model.vision_tower.vision_tower.model."
TIMM_TOWER = "model.vision_tower.timm_model."


# Projector and language model, by their names in any layout.
LANGUAGE: Rules = (
    (r"^model\.mm_projector\.0\.", "projector.linear_1."),
    (r"^model\.mm_projector\.2\.", "projector.linear_2."),
    (r"^(?:model\.)?multi_modal_projector\.", "projector."),
    (r"^language_model\.lm_head\.", "lm_head."),
    (
        r"^(?:model\.language_model|language_model\.model|model)\.(embed_tokens|layers|norm)\.",
        r"language_model.\1.",
    ),
)


@dataclass(frozen=True)
class Layout:
    name: str
    to_ours: Rules
    from_ours: Rules

    def ours(self, name: str) -> str:
        return rename(name, self.to_ours)

    def theirs(self, name: str) -> str:
        return rename(name, self.from_ours)


def rename(name: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def within(tower: str, rules: Rules) -> Rules:
    """Restricts rules to names with the tower's prefix."""
    return tuple((rf"^({re.escape(tower)}.*?){p}", rf"\g<1>{r}") for p, r in rules)


APPLE = Layout(
    "apple",
    to_ours=(
        (rf"^{re.escape(APPLE_TOWER)}", "vision_tower."),
        *LANGUAGE,
        (r"^vision_tower\.patch_embed\.", "vision_tower.stem."),
        (r"^vision_tower\.conv_exp\.", "vision_tower.final_conv."),
        *(
            (rf"^vision_tower\.network\.{i}\.", f"vision_tower.stages.{place}.")
            for i, place in PLACES.items()
        ),
        *within(
            "vision_tower.",
            (
                (r"\.convffn\.", ".mlp."),
                (r"\.se\.reduce\.", ".se.fc1."),
                (r"\.se\.expand\.", ".se.fc2."),
                (r"\.(layer_scale(?:_[12])?)$", r".\2.gamma"),
                (r"\.lkb_reparam\.", ".reparam_conv."),
                (r"\.(?:lkb_origin|rbr_conv\.0)\.", ".convs.0."),
                (r"\.(?:small_conv|rbr_scale)\.", ".convs.1."),
                (r"\.token_mixer\.norm\.rbr_skip\.", ".token_mixer.norm."),
                (r"\.rbr_skip\.", ".identity."),
                (r"\.pos_emb\.pe\.", ".pos_emb.conv."),
            ),
        ),
    ),
    from_ours=(
        *within(
            "vision_tower.",
            (
                (r"\.pos_emb\.conv\.", ".pos_emb.pe."),
                (r"\.identity\.", ".rbr_skip."),
                (r"\.token_mixer\.norm\.", ".token_mixer.norm.rbr_skip."),
                (r"\.downsample\.proj\.0\.convs\.0\.", ".downsample.proj.0.lkb_origin."),
                (r"\.downsample\.proj\.0\.convs\.1\.", ".downsample.proj.0.small_conv."),
                (r"\.convs\.0\.", ".rbr_conv.0."),
                (r"\.convs\.1\.", ".rbr_scale."),
                (r"\.proj\.0\.reparam_conv\.", ".proj.0.lkb_reparam."),
                (r"\.(layer_scale(?:_[12])?)\.gamma$", r".\2"),
                (r"\.se\.fc1\.", ".se.reduce."),
                (r"\.se\.fc2\.", ".se.expand."),
                (r"\.mlp\.", ".convffn."),
            ),
        ),
        *(
            (rf"^vision_tower\.stages\.{re.escape(place)}\.", f"vision_tower.network.{i}.")
            for i, place in PLACES.items()
        ),
        (r"^vision_tower\.final_conv\.", "vision_tower.conv_exp."),
        (r"^vision_tower\.stem\.", "vision_tower.patch_embed."),
        (r"^language_model\.", "model."),
        (r"^projector\.linear_2\.", "model.mm_projector.2."),
        (r"^projector\.linear_1\.", "model.mm_projector.0."),
        (r"^vision_tower\.", APPLE_TOWER),
    ),
)

TRANSFORMERS = Layout(
    "transformers",
    to_ours=(
        (r"^(?:model\.)?vision_tower\.timm_model\.", "vision_tower."),
        *LANGUAGE,
        *within(
            "vision_tower.",
            (
                (r"\.(?:large_conv|conv_kxk\.0)\.", ".convs.0."),
                (r"\.(?:small_conv|conv_scale)\.", ".convs.1."),
                (r"\.token_mixer\.norm\.identity\.", ".token_mixer.norm."),
                (r"\.pos_emb\.pos_enc\.", ".pos_emb.conv."),
            ),
        ),
    ),
    from_ours=(
        *within(
            "vision_tower.",
            (
                (r"\.pos_emb\.conv\.", ".pos_emb.pos_enc."),
                (r"\.token_mixer\.norm\.", ".token_mixer.norm.identity."),
                (r"\.downsample\.proj\.0\.convs\.0\.", ".downsample.proj.0.large_conv."),
                (r"\.downsample\.proj\.0\.convs\.1\.", ".downsample.proj.0.small_conv."),
                (r"\.convs\.0\.", ".conv_kxk.0."),
                (r"\.convs\.1\.", ".conv_scale."),
            ),
        ),
        (r"^language_model\.", "model.language_model."),
        (r"^projector\.", "model.multi_modal_projector."),
        (r"^vision_tower\.", TIMM_TOWER),
    ),
)

LAYOUTS = {layout.name: layout for layout in (APPLE, TRANSFORMERS)}


def detect_layout(names: list[str]) -> Layout | None:
    """The layout of these names, or None if it is unknown."""
    if any(name.startswith(APPLE_TOWER) for name in names):
        return APPLE
    if any("vision_tower.timm_model." in name for name in names):
        return TRANSFORMERS
    return None
