"""workers/model-files/testing/chat.golden.json is what transformers makes of nano's
tokenizer as it is now."""

import json
import sys
from pathlib import Path

from transformers import AutoTokenizer

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))
import make_chat_golden as golden  # noqa: E402

FILE = Path(__file__).parents[3] / "workers/model-files/testing/chat.golden.json"


def test_golden_conversations_are_transformers_own():
    tokenizer = AutoTokenizer.from_pretrained(golden.NANO)
    records = json.loads(FILE.read_text())
    assert records
    for record in records:
        assert golden.record(tokenizer, record["promptStyle"], record["messages"]) == record
