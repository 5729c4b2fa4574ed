"""manifest.json: the size and SHA-256 of every file of a model folder. A browser
uses it to check downloads from a server that provides neither.

    {"version": 1, "name": "...", "license": {"id", "name", "url"}?,
     "files": {"onnx/embed_tokens.onnx": {"bytes": 1, "sha256": "..."}}}
"""

from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path

from .json_file import write_json

NAME = "manifest.json"


@dataclass(frozen=True)
class License:
    id: str
    name: str
    url: str | None = None


def write_manifest(folder: Path, name: str, license: License | None) -> None:
    paths = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    paths.pop(NAME, None)
    content: dict[str, object] = {"version": 1, "name": name}
    if license is not None:
        content["license"] = {k: v for k, v in asdict(license).items() if v is not None}
    content["files"] = {key: describe(paths[key]) for key in sorted(paths)}
    write_json(folder / NAME, content)


def describe(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256")
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
