"""`docs/security.md` names tests that are there, and every place where a script puts markup into a page."""

import re

from local_stack.paths import ROOT
from room_ui.limits import GUESTS_READ, GUESTS_WRITE, READS, WRITES

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
STATIC = ROOT / "services/room-ui/src/room_ui/static"
_NAMED = re.compile(r"`([^`\s]+)::(test_[a-z0-9_]+)`")
_MARKUP = re.compile(
    r"innerHTML\s*=|outerHTML|insertAdjacentHTML|parseFromString|createContextualFragment|document\.write"
)
_CODE = re.compile(r"\beval\(|new Function\(|setTimeout\(\s*[\"'`]|javascript:")


def test_every_test_that_the_page_names_is_there() -> None:
    missing, named, file = [], 0, ROOT
    for given, test in _NAMED.findall(PAGE):
        if given != "…":
            is_whole = given.startswith(("services/", "libs/", "deploy/"))
            file = ROOT / given if is_whole else ROOT / "services/room-ui/tests" / given
        named += 1
        if not file.is_file() or f"def {test}(" not in file.read_text("utf-8"):
            missing.append(f"{file.name}::{test}")
    assert missing == []
    assert named >= 40


def test_every_threat_has_a_test() -> None:
    table = PAGE.partition("## What protects against what")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) >= 20
    assert [row for row in rows if "test_" not in row] == []


def test_scripts_put_markup_into_a_page_only_where_the_page_says() -> None:
    named = set(re.findall(r"^\| `([a-z-]+\.js)` \|", PAGE, re.MULTILINE))
    texts = {file.name: file.read_text("utf-8") for file in STATIC.glob("*.js")}

    assert {name for name, text in texts.items() if _MARKUP.search(text)} == named
    assert [name for name, text in texts.items() if _CODE.search(text)] == []
    # Once each: a second one in the same file is to be judged, too.
    assert {name: len(_MARKUP.findall(texts[name])) for name in named} == dict.fromkeys(named, 1)


def test_the_paces_are_those_of_the_page() -> None:
    for read, write in ((READS, WRITES), (GUESTS_READ, GUESTS_WRITE)):
        words = f"| {read.burst}, then {read.per_second} / {write.burst}, then {write.per_second} |"
        assert words in PAGE
