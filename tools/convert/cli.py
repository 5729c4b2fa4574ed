"""Converts a FastVLM checkpoint to the three published ONNX graphs.

    python tools/convert CHECKPOINT --out DIR [--dtypes fp32,fp16,q4,q4f16]
    python tools/convert manifest DIR               writes DIR/manifest.json
    python tools/convert synthetic NAME --out DIR   a checkpoint of synthetic weights

CHECKPOINT is a folder of safetensors files in the format of `apple/FastVLM-*` or
of transformers' `fast_vlm`. Every graph is compared with PyTorch before DIR is
created.
"""

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch

from fastvlm.config import CONFIGS
from fastvlm.graphs import DTYPES
from fastvlm.manifest import write_manifest

from .checkpoint import ConvertError, read_json
from .convert import Log, Options, convert
from .tensor_names import LAYOUTS
from .licence import read_license
from .synthetic_checkpoint import write_synthetic_checkpoint
from .resources import peak_memory

COMMANDS = ("manifest", "synthetic")


def dtypes(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(text.split(",")))
    for dtype in chosen:
        if dtype not in DTYPES:
            raise argparse.ArgumentTypeError(f"{dtype}: choose from {','.join(DTYPES)}")
    return chosen


def parser(command: str) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser("convert", description=__doc__, formatter_class=formatter)
    if command == "manifest":
        p.add_argument("folder", type=Path, help="model folder")
    elif command == "synthetic":
        p.add_argument("model", choices=CONFIGS, help="model size")
        p.add_argument("--layers", type=int, help="decoder layers (default: all)")
        p.add_argument("--layout", choices=LAYOUTS, default="apple")
        p.add_argument("--tied", action="store_true", help="tie lm_head to the embeddings")
        p.add_argument("--out", type=Path, required=True)
    else:
        p.add_argument("checkpoint", type=Path, help="folder of safetensors files")
        p.add_argument("--out", type=Path, required=True, help="model folder to write")
        p.add_argument("--dtypes", type=dtypes, default=DTYPES, help="fp32,fp16,q4,q4f16")
        p.add_argument("--name", help="model name (default: the checkpoint folder)")
        p.add_argument("--replace", action="store_true", help="replace an existing --out")
        p.add_argument("--threads", type=int, default=torch.get_num_threads())
    return p


def manifest(folder: Path) -> None:
    config = read_json(folder / "config.json")
    name = config.get("_name_or_path") or folder.resolve().name
    write_manifest(folder, name, read_license(folder))
    print(f"wrote {folder / 'manifest.json'} for {name}")


def run(words: list[str]) -> None:
    command = words[0] if words and words[0] in COMMANDS else "convert"
    args = parser(command).parse_args(words[1:] if command != "convert" else words)
    if command == "manifest":
        manifest(args.folder)
    elif command == "synthetic":
        cfg = CONFIGS[args.model]
        layers = args.layers or cfg.text.layers
        cfg = replace(cfg, text=replace(cfg.text, layers=layers, tied=args.tied))
        write_synthetic_checkpoint(cfg, args.out, LAYOUTS[args.layout])
        print(f"{args.out}: {cfg.name} with {cfg.text.layers} layers of synthetic weights")
    else:
        torch.set_num_threads(args.threads)
        out, source = args.out.resolve(), args.checkpoint.resolve()
        if out == source or out in source.parents:
            raise ConvertError(f"--out {args.out} contains the checkpoint")
        log = Log()
        name = args.name or source.name
        convert(Options(source, out, args.dtypes, name, args.replace), log)
        peak = peak_memory()
        memory = f"; peak memory {peak / 1e9:.1f} GB" if peak else ""
        log(f"done: {args.out}{memory}")


def main() -> None:
    # Exit through SystemExit, so that unfinished output is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(sys.argv[1:])
    except (ConvertError, OSError) as error:
        sys.exit(f"convert: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
