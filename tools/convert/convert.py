"""Checkpoint in, proved folder out. The folder appears under its name when all
of it is done; before that it is DIR.part, and gone after a failure."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from fastvlm.config import FastVlmConfig
from fastvlm.folder import SpecialTokens, write_graph, write_model_configs
from fastvlm.graphs import BUILDERS
from fastvlm.graphs.store import external_files, load_structure
from fastvlm.manifest import write_manifest
from fastvlm.model import FastVlm
from fastvlm.tokenizer import prompt_parts

from .card import write_card
from .checkpoint import Checkpoint
from .errors import ConvertError
from .licence import copy_license_files, read_license
from .proof import Loss, Peaks, Reference, compute_reference, prove
from .room import check_disk, fits_memory
from .sizes import read_sizes
from .streamed import load_model
from .tokens import load_tokenizer, write_tokenizer

QUESTION = "Describe the image."


@dataclass(frozen=True)
class Options:
    checkpoint: Path
    out: Path
    dtypes: tuple[str, ...]
    name: str
    replace: bool = False
    # Whether the decoder is compared in one piece; None: if it fits.
    whole: bool | None = None


class Log:
    """Progress for a person, on stderr."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, line: str) -> None:
        seconds = time.monotonic() - self.start
        print(f"[{seconds:6.0f} s] {line}", file=sys.stderr, flush=True)


def convert(options: Options, say: Callable[[str], None]) -> dict[str, Loss]:
    checkpoint = Checkpoint(options.checkpoint)
    cfg = read_sizes(checkpoint, options.name)
    describe(checkpoint, cfg, say)
    tokenizer = load_tokenizer(options.checkpoint)
    check_disk(cfg, options.dtypes, options.out.parent)
    whole = options.whole
    if whole is None:
        whole = fits_memory(cfg, options.dtypes)
    if not whole:
        say("the decoder is compared layer by layer: the whole does not fit into memory")
    with unfinished(options.out, options.replace) as part:
        for note in write_tokenizer(
            tokenizer, options.checkpoint, part, cfg.text.vocab, cfg.text.max_position
        ):
            say(note)
        peaks = Peaks()
        model = load_model(checkpoint, cfg, whole, peaks.watch)
        reference = refer(model, tokenizer, say)
        for dtype in options.dtypes:
            peaks.check(dtype)
        losses = {}
        for dtype in options.dtypes:
            for graph in BUILDERS:
                say(f"wrote {write(model, part, graph, dtype).name}")
            losses[dtype] = prove(part, dtype, reference, whole, say)
        write_rest(part, checkpoint, cfg, tokenizer, losses, peaks)
    return losses


def write(model: FastVlm, part: Path, graph: str, dtype: str) -> Path:
    try:
        return write_graph(model, part, graph, dtype)
    except OverflowError as error:
        raise ConvertError(f"{graph}: {error}: leave out {dtype} (--dtypes)") from None


def describe(
    checkpoint: Checkpoint, cfg: FastVlmConfig, say: Callable[[str], None]
) -> None:
    text, vision = cfg.text, cfg.vision
    say(
        f"{checkpoint.folder}: {checkpoint.layout.name} layout, "
        f"{'training branches' if vision.branches else 'folded'}, {text.layers} layers of "
        f"width {text.hidden}, {text.heads}/{text.kv_heads} heads of {text.head_dim}, "
        f"{text.vocab} rows, vision {vision.depths} of {vision.widths}"
    )
    flag = checkpoint.config.get("tie_word_embeddings")
    if flag is not None and flag != text.tied:
        say(
            f"config.json says tie_word_embeddings {str(flag).lower()}, but lm_head.weight "
            f"is {'not ' if text.tied else ''}among the tensors: the tensors are right"
        )


def refer(
    model: FastVlm, tokenizer: Tokenizer, say: Callable[[str], None]
) -> Reference:
    before, after = (tokenizer.encode(part).ids for part in prompt_parts(QUESTION))
    image = SpecialTokens.of(tokenizer).image
    reference = compute_reference(model, before, after, image)
    say(f"PyTorch answers {reference.tokens}")
    return reference


def write_rest(
    part: Path,
    checkpoint: Checkpoint,
    cfg: FastVlmConfig,
    tokenizer: Tokenizer,
    losses: dict[str, Loss],
    peaks: Peaks,
) -> None:
    """Configuration, card, licence, manifest."""
    chunks = {
        path.name: len(files)
        for path in sorted((part / "onnx").glob("*.onnx"))
        if (files := external_files(load_structure(path)))
    }
    # How transformers.js learns of external data.
    extra = {"transformers.js_config": {"use_external_data_format": chunks}}
    write_model_configs(
        part, cfg, SpecialTokens.of(tokenizer), **(extra if chunks else {})
    )
    license = read_license(checkpoint.folder)
    copy_license_files(checkpoint.folder, part)
    write_card(part, cfg, checkpoint.folder.name, license, losses, peaks)
    write_manifest(part, cfg.name, license)


@contextmanager
def unfinished(out: Path, replace: bool) -> Iterator[Path]:
    """A folder to fill that becomes `out` if nothing fails."""
    if out.exists() and any(out.iterdir()) and not replace:
        raise ConvertError(f"{out} exists: choose another --out, or add --replace")
    part, old = out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)
            out.rename(old)
        part.rename(out)
    except BaseException:
        # Also of Ctrl-C.
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
