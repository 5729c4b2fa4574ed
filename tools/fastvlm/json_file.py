"""The one format of the JSON files of model folders and checkpoints."""

import json
from pathlib import Path


def write_json(path: Path, content: dict) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
