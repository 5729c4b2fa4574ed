"""`python tools/convert` from the repository's root, `python -m convert` here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from convert.cli import main  # noqa: E402

main()
