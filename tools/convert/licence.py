"""Reads the checkpoint's licence from its model card and copies its licence files."""

import re
import shutil
from pathlib import Path

from fastvlm.manifest import License

APPLE = License(
    "apple-amlr",
    "Apple Machine Learning Research Model License Agreement",
    "https://github.com/apple/ml-fastvlm/blob/main/LICENSE_MODEL",
)
NAMES = {APPLE.id: APPLE.name, "mit": "MIT", "apache-2.0": "Apache License 2.0"}
FILES = ("LICENSE*", "LICENCE*", "NOTICE*", "ACKNOWLEDGEMENTS*")


def read_license(folder: Path) -> License | None:
    """The licence in the front matter of README.md, or Apple's if the folder contains
    the text of its agreement."""
    fields = front_matter(folder / "README.md")
    id = fields.get("license")
    if id in ("other", "unknown"):
        id = fields.get("license_name", id)
    if id:
        name = fields.get("license_name") or NAMES.get(id, id)
        url = fields.get("license_link")
        if id == APPLE.id:
            return License(id, NAMES[id], url or APPLE.url)
        return License(id, NAMES.get(id, name), url)
    for path in license_files(folder):
        text = path.read_text(encoding="utf-8", errors="replace")
        if "Apple Machine Learning Research Model" in text:
            return APPLE
    return None


def front_matter(card: Path) -> dict[str, str]:
    if not card.exists():
        return {}
    text = card.read_text(encoding="utf-8", errors="replace")
    block = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    lines = block[1].splitlines() if block else []
    pairs = (re.match(r"(\w+):\s*(.*?)\s*$", line) for line in lines)
    return {m[1]: m[2].strip("'\"") for m in pairs if m and m[2]}


def license_files(folder: Path) -> list[Path]:
    return sorted({p for pattern in FILES for p in folder.glob(pattern) if p.is_file()})


def copy_license_files(source: Path, out: Path) -> None:
    for path in license_files(source):
        shutil.copyfile(path, out / path.name)
