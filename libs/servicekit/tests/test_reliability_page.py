"""`docs/reliability.md` names the tests that show what it promises: they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
_NAMED = re.compile(r"`([^`\s]+)::(test_[a-z0-9_]+)`")
_LEAST = 40


def test_every_test_that_the_page_names_is_there() -> None:
    missing, named, file = [], 0, HERE
    for given, test in _NAMED.findall((ROOT / "docs" / "reliability.md").read_text("utf-8")):
        if given != "…":
            file = ROOT / given if "/" in given else HERE / given
        named += 1
        if not file.is_file() or f"def {test}(" not in file.read_text("utf-8"):
            missing.append(f"{file.name}::{test}")
    assert missing == []
    assert named >= _LEAST
