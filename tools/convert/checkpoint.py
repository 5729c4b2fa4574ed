"""Reads the tensors of a checkpoint folder by our names, one at a time: safetensors
maps files into memory and reads only the requested tensor."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .tensor_names import UNUSED, Layout, detect_layout

INDEX = "model.safetensors.index.json"
REALS = {"F32", "F16", "BF16"}


class ConvertError(Exception):
    """A checkpoint cannot be converted; the message names the file or tensor."""


class Checkpoint:
    def __init__(self, folder: Path):
        self.folder = folder
        files = weight_files(folder)
        self.config = read_json(folder / "config.json")
        self.files = {path.name: open_file(path) for path in files}
        found = {
            name: file for file, handle in self.files.items() for name in handle.keys()
        }
        check_index(folder, found)
        if lora := next((name for name in found if ".lora_A." in name), None):
            raise unmerged(folder, f"tensor {lora} of a LoRA adapter")
        layout = detect_layout(list(found))
        if layout is None:
            raise ConvertError(
                f"{folder}: none of the {len(found)} tensors belongs to a FastVLM vision tower "
                "(expected the names of apple/FastVLM or of transformers' fast_vlm)"
            )
        self.layout: Layout = layout
        self.places: dict[str, tuple[str, str]] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        # Names of tensors whose values were found to be finite.
        self.checked: set[str] = set()
        for name, file in found.items():
            if not UNUSED.search(name):
                self.place(name, file)

    def place(self, name: str, file: str) -> None:
        ours = self.layout.ours(name)
        if ours in self.places:
            raise ConvertError(f"{name} and {self.places[ours][1]} map to the same tensor")
        part = self.files[file].get_slice(name)
        if part.get_dtype() not in REALS:
            raise ConvertError(
                f"{name} is {part.get_dtype()}: only float32, float16 and bfloat16 "
                "checkpoints can be converted"
            )
        self.places[ours] = file, name
        self.shapes[ours] = tuple(part.get_shape())

    def theirs(self, name: str) -> str:
        """The checkpoint's name of a tensor, even if the tensor is missing."""
        place = self.places.get(name)
        return place[1] if place else self.layout.theirs(name)

    def shape(self, name: str) -> tuple[int, ...]:
        if name not in self.shapes:
            raise ConvertError(f"{self.folder}: tensor {self.theirs(name)} is missing")
        return self.shapes[name]

    def tensor(self, name: str) -> Tensor:
        """The tensor in its stored dtype."""
        self.shape(name)
        file, theirs = self.places[name]
        tensor = self.files[file].get_tensor(theirs)
        if name not in self.checked:
            if not all(part.isfinite().all() for part in tensor.split(1 << 12)):
                raise ConvertError(f"{theirs} in {file} contains NaN or infinity")
            self.checked.add(name)
        return tensor

    def state(self, prefix: str) -> dict[str, Tensor]:
        """A module's tensors in float32, by their names within the module."""
        return {
            name.removeprefix(prefix): self.tensor(name).to(torch.float32)
            for name in self.places
            if name.startswith(prefix)
        }


def read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConvertError(f"{path} is missing") from None
    except ValueError as error:
        raise ConvertError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ConvertError(f"{path} is not a JSON object")
    return content


def weight_files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if not index.exists():
        # PEFT leaves its adapter beside the weights that it was merged into.
        adapter = folder / "adapter_config.json"
        files = [
            path
            for path in sorted(folder.glob("*.safetensors"))
            if not path.name.startswith("adapter_model")
        ]
        if not files and adapter.exists():
            raise unmerged(folder, "a LoRA adapter without the model's weights")
        if not files:
            raise ConvertError(f"{folder}: no *.safetensors file (other formats are not supported)")
        return files
    files = [folder / name for name in sorted(set(weight_map(index).values()))]
    for file in files:
        if not file.is_file():
            raise ConvertError(f"{file} is missing, but listed in {INDEX}")
    return files


def unmerged(folder: Path, found: str) -> ConvertError:
    return ConvertError(
        f"{folder} contains {found}. Merge the adapter first: "
        "model.merge_and_unload().save_pretrained(DIR) in PEFT, then convert DIR"
    )


def weight_map(index: Path) -> dict[str, str]:
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict):
        raise ConvertError(f"{index} has no weight_map")
    return names


def check_index(folder: Path, found: dict[str, str]) -> None:
    index = folder / INDEX
    if not index.exists():
        return
    for name, file in weight_map(index).items():
        if found.get(name) != file:
            raise ConvertError(f"{folder / file} does not contain tensor {name}, which is listed in {INDEX}")


def open_file(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ConvertError(f"{path} cannot be read, possibly truncated: {error}") from None
