"""Converts a checkpoint to a verified model folder. Files are written to DIR.part,
which is renamed to DIR at the end and removed after a failure."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from fastvlm.config import FastVlmConfig
from fastvlm.model_folder import SpecialTokens, write_graph, write_model_configs
from fastvlm.graphs import BUILDERS
from fastvlm.graphs.external_data import external_files, load_structure
from fastvlm.manifest import write_manifest
from fastvlm.model import FastVlm
from fastvlm.tokenizer import prompt_ids
from fastvlm.verify import GraphErrors, Reference, VerificationError, compute_reference, verification_images, verify

from .model_card import write_card
from .checkpoint import Checkpoint, ConvertError
from .licence import copy_license_files, read_license
from .layer_streaming import load_model
from .model_config import read_model_config
from .peaks import Peaks
from .resources import check_disk, fits_memory
from .tokenizer_files import load_tokenizer, write_tokenizer

QUESTION = "Describe the image."


@dataclass(frozen=True)
class Options:
    checkpoint: Path
    out: Path
    dtypes: tuple[str, ...]
    name: str
    replace: bool = False
    # Whether to verify the decoder in one session; None: if it fits into memory.
    whole: bool | None = None


class Log:
    """Writes progress to stderr."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, line: str) -> None:
        seconds = time.monotonic() - self.start
        print(f"[{seconds:6.0f} s] {line}", file=sys.stderr, flush=True)


def convert(options: Options, log: Callable[[str], None]) -> dict[str, GraphErrors]:
    checkpoint = Checkpoint(options.checkpoint)
    cfg = read_model_config(checkpoint, options.name)
    log_checkpoint(checkpoint, cfg, log)
    tokenizer = load_tokenizer(options.checkpoint)
    if SpecialTokens.of(tokenizer).image == cfg.text.vocab:
        cfg = with_image_row(cfg)
        log(f"<image> has no row in the embedding table: added row {cfg.text.vocab - 1}")
    check_disk(cfg, options.dtypes, options.out.parent)
    whole = options.whole
    if whole is None:
        whole = fits_memory(cfg, options.dtypes)
    if not whole:
        log("the decoder does not fit into memory and is compared layer by layer")
    with atomic_folder(options.out, options.replace) as part:
        for note in write_tokenizer(
            tokenizer, options.checkpoint, part, cfg.text.vocab, cfg.text.max_position
        ):
            log(note)
        peaks = Peaks()
        model = load_model(checkpoint, cfg, whole, peaks.observe)
        reference = run_reference(model, tokenizer, log)
        for dtype in options.dtypes:
            peaks.check(dtype)
        errors = {}
        for dtype in options.dtypes:
            for graph in BUILDERS:
                log(f"wrote {write(model, part, graph, dtype).name}")
            errors[dtype] = check(part, dtype, reference, whole)
            log(f"{dtype}: {errors[dtype]}")
        write_metadata(part, checkpoint, cfg, tokenizer, errors, peaks)
    return errors


def with_image_row(cfg: FastVlmConfig) -> FastVlmConfig:
    """One more row than the checkpoint has. Its values do not matter, because image
    features replace it, but clients look it up. The logits keep their columns."""
    text = cfg.text
    return replace(cfg, text=replace(text, vocab=text.vocab + 1, head=text.logits))


def write(model: FastVlm, part: Path, graph: str, dtype: str) -> Path:
    try:
        return write_graph(model, part, graph, dtype)
    except OverflowError as error:
        raise ConvertError(f"{graph}: {error}. Remove {dtype} from --dtypes") from None


def check(part: Path, dtype: str, reference: Reference, whole: bool) -> GraphErrors:
    try:
        return verify(part, dtype, reference, whole)
    except VerificationError as error:
        advice = "" if dtype == "fp32" else f". Remove {dtype} from --dtypes"
        raise ConvertError(f"{error}{advice}") from None


def log_checkpoint(
    checkpoint: Checkpoint, cfg: FastVlmConfig, log: Callable[[str], None]
) -> None:
    text, vision = cfg.text, cfg.vision
    log(
        f"{checkpoint.folder}: {checkpoint.layout.name} layout, "
        f"{'training branches' if vision.branches else 'folded'}, {text.layers} layers of "
        f"width {text.hidden}, {text.heads}/{text.kv_heads} heads of {text.head_dim}, "
        f"{text.vocab} rows, vision depths {vision.depths}, widths {vision.widths}"
    )
    flag = checkpoint.config.get("tie_word_embeddings")
    if flag is not None and flag != text.tied:
        log(
            f"config.json has tie_word_embeddings {str(flag).lower()}, but lm_head.weight "
            f"is {'missing' if text.tied else 'present'}: using the tensors"
        )


def run_reference(
    model: FastVlm, tokenizer: Tokenizer, log: Callable[[str], None]
) -> Reference:
    pixels, image = verification_images(model.cfg.size), SpecialTokens.of(tokenizer).image
    height, width = pixels[-1].shape[2:]
    ids = prompt_ids(tokenizer, QUESTION, (height // 64) * (width // 64))
    reference = compute_reference(model, pixels, ids, image)
    log(f"PyTorch's tokens: {reference.tokens}")
    return reference


def write_metadata(
    part: Path,
    checkpoint: Checkpoint,
    cfg: FastVlmConfig,
    tokenizer: Tokenizer,
    errors: dict[str, GraphErrors],
    peaks: Peaks,
) -> None:
    """Writes configuration, licence, model card and manifest."""
    chunks = {
        path.name: len(files)
        for path in sorted((part / "onnx").glob("*.onnx"))
        if (files := external_files(load_structure(path)))
    }
    # Tells transformers.js how many external data files to load.
    extra = {"transformers.js_config": {"use_external_data_format": chunks}}
    write_model_configs(
        part, cfg, SpecialTokens.of(tokenizer), **(extra if chunks else {})
    )
    license = read_license(checkpoint.folder)
    copy_license_files(checkpoint.folder, part)
    write_card(part, cfg, checkpoint.folder.name, license, errors, peaks)
    write_manifest(part, cfg.name, license)


@contextmanager
def atomic_folder(out: Path, replace: bool) -> Iterator[Path]:
    """A folder to fill, which is renamed to `out` if nothing fails."""
    if out.exists() and any(out.iterdir()) and not replace:
        raise ConvertError(f"{out} is not empty: choose another --out or pass --replace")
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
        # Including KeyboardInterrupt.
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
