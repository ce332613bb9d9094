"""Every link of a page of this repository leads somewhere: to a file that is there, and to a heading in it."""

import itertools
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from local_stack.paths import ROOT
from markdown_it import MarkdownIt
from markdown_it.token import Token

_LEAST = 100
# What docs/events.md is made of: its links are that page's.
_PIECES = "libs/contracts/src/contracts/docs/"
_ANCHOR = re.compile(r'<a (?:id|name)="([^"]+)"')


@cache
def parsed(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> set[str]:
    """Return what can be linked to, as GitHub names headings: small, words joined by hyphens, the same one numbered."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    tokens = parsed(page)
    for before, inline in itertools.pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(one.content for one in inline.children or () if one.type in {"text", "code_inline"})
            name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return found | set(_ANCHOR.findall(page.read_text(encoding="utf-8")))


def links(page: Path) -> Iterator[str]:
    for block in parsed(page):
        for token in block.children or ():
            address = str(token.attrGet("href") or token.attrGet("src") or "")
            if address and not re.match(r"[a-z]+:", address):
                yield unquote(address)


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True)
    pages = [ROOT / name for name in listed.stdout.split("\0") if name and not name.startswith(_PIECES)]
    followed, wrong = 0, []
    for page in pages:
        for link in links(page):
            name, _, heading = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            there = target.exists() and (not heading or heading in anchors(target))
            followed += 1
            if not there:
                wrong.append(f"{page.relative_to(ROOT)}: {link}")
    assert not wrong, "\n".join(wrong)
    assert followed >= _LEAST
