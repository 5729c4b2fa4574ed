"""manifest.json lists every file of a folder with its size and SHA-256."""

import hashlib
import json
from pathlib import Path

from fastvlm.manifest import License, write_manifest


def test_lists_every_file_except_itself(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").write_bytes(b"{}\n")
    (tmp_path / "onnx" / "embed_tokens.onnx_data").write_bytes(b"\0\1\2")
    (tmp_path / "manifest.json").write_text("an older one")
    write_manifest(tmp_path, "synthetic", License("apple-amlr", "Apple's", "https://x.org/L"))
    assert json.loads((tmp_path / "manifest.json").read_text()) == {
        "version": 1,
        "name": "synthetic",
        "license": {"id": "apple-amlr", "name": "Apple's", "url": "https://x.org/L"},
        "files": {
            "config.json": {"bytes": 3, "sha256": hashlib.sha256(b"{}\n").hexdigest()},
            "onnx/embed_tokens.onnx_data": {
                "bytes": 3,
                "sha256": hashlib.sha256(b"\0\1\2").hexdigest(),
            },
        },
    }


def test_omits_an_unknown_licence(tmp_path: Path) -> None:
    write_manifest(tmp_path, "synthetic", None)
    content = (tmp_path / "manifest.json").read_text()
    assert json.loads(content) == {"version": 1, "name": "synthetic", "files": {}}
