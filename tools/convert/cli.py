"""Converts a FastVLM checkpoint to the three published ONNX graphs.

    python tools/convert CHECKPOINT --out DIR [--dtypes fp32,fp16,q4,q4f16]
    python tools/convert manifest DIR     writes manifest.json of a model folder
    python tools/convert made NAME --out DIR     a checkpoint of made weights

CHECKPOINT is a folder of safetensors, `apple/FastVLM-*` or transformers'
`fast_vlm`. Every graph is compared with PyTorch before DIR appears.
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

from .checkpoint import read_json
from .convert import Log, Options, convert
from .errors import ConvertError
from .layouts import LAYOUTS
from .licence import read_license
from .made import write_made
from .room import peak_memory

COMMANDS = ("manifest", "made")


def dtypes(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(text.split(",")))
    for dtype in chosen:
        if dtype not in DTYPES:
            raise argparse.ArgumentTypeError(f"{dtype}: choose of {','.join(DTYPES)}")
    return chosen


def parser(command: str) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    p = argparse.ArgumentParser("convert", description=__doc__, formatter_class=formatter)
    if command == "manifest":
        p.add_argument("folder", type=Path, help="a model folder")
    elif command == "made":
        p.add_argument("model", choices=CONFIGS, help="the sizes")
        p.add_argument("--layers", type=int, help="of the decoder; as the model has them")
        p.add_argument("--layout", choices=LAYOUTS, default="apple")
        p.add_argument("--tied", action="store_true", help="no lm_head of its own")
        p.add_argument("--out", type=Path, required=True)
    else:
        p.add_argument("checkpoint", type=Path, help="a folder of safetensors")
        p.add_argument("--out", type=Path, required=True, help="the model folder")
        p.add_argument("--dtypes", type=dtypes, default=DTYPES, help="fp32,fp16,q4,q4f16")
        p.add_argument("--name", help="of the model; the checkpoint folder's otherwise")
        p.add_argument("--replace", action="store_true", help="an --out that exists")
        p.add_argument("--threads", type=int, default=torch.get_num_threads())
    return p


def manifest(folder: Path) -> None:
    config = read_json(folder / "config.json")
    name = config.get("_name_or_path") or folder.resolve().name
    write_manifest(folder, name, read_license(folder))
    print(f"{folder / 'manifest.json'} of {name}")


def run(words: list[str]) -> None:
    command = words[0] if words and words[0] in COMMANDS else "convert"
    args = parser(command).parse_args(words[1:] if command != "convert" else words)
    if command == "manifest":
        manifest(args.folder)
    elif command == "made":
        cfg = CONFIGS[args.model]
        layers = args.layers or cfg.text.layers
        cfg = replace(cfg, text=replace(cfg.text, layers=layers, tied=args.tied))
        write_made(cfg, args.out, LAYOUTS[args.layout])
        print(f"{args.out}: {cfg.name} with {cfg.text.layers} layers of made weights")
    else:
        torch.set_num_threads(args.threads)
        out, source = args.out.resolve(), args.checkpoint.resolve()
        if out == source or out in source.parents:
            raise ConvertError(f"--out {args.out} holds the checkpoint")
        say = Log()
        name = args.name or source.name
        convert(Options(source, out, args.dtypes, name, args.replace), say)
        peak = peak_memory()
        took = f"; at most {peak / 1e9:.1f} GB of memory" if peak else ""
        say(f"done: {args.out}{took}")


def main() -> None:
    # A polite end of the process leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(sys.argv[1:])
    except (ConvertError, OSError) as error:
        sys.exit(f"convert: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
