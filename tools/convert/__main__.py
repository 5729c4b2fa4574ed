"""`python tools/convert` in the repository root, or `python -m convert` in tools/."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from convert.cli import main  # noqa: E402

main()
