"""`make screenshots`: a picture of every page in every state, and the page that shows them, in docs/screenshots.

The clock stands still, ids and words are always the same, and nothing moves: whoever takes them again gets the same
pictures, unless a page has changed. They are small because a pixel is a pixel (no second one for sharp screens) and
has one of 256 colours of the picture's own.
"""

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from local_stack.chromium import chromium
from local_stack.paths import ROOT
from local_stack.progress import say
from local_stack.servers import servers_for_tests
from pages.site import PHONE, WIDE, Street, Walker
from pages.states import PAGES, State
from playwright.sync_api import Page, sync_playwright

from screenshots.album import LARGEST_ALBUM_BYTES, album, small

FOLDER = ROOT / "docs/screenshots"
TALLEST = 4000
# What cannot be chosen: ways in are random, and a picture of one must not change with it.
_STILL = """() => {
  for (const field of document.querySelectorAll("[data-one-time-link]")) field.value = "http://webinars.example/account/link/…";
  document.activeElement?.blur();
  scrollTo(0, 0);
}"""

_EXTENT = """() => [innerWidth,
  document.querySelector("dialog[open]") ? innerHeight : document.documentElement.scrollHeight]"""

_PAINTED = """() => new Promise((painted) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(painted, 100))))"""


@dataclass(frozen=True)
class Shot:
    """One picture: of which state, in which language, how."""

    state: State
    suffix: str
    locale: str
    options: Mapping[str, Any]

    @property
    def file(self) -> str:
        return f"{self.state.name}{self.suffix}.webp"


def shots() -> Iterator[Shot]:
    """Yield every picture; house by house, so that each house is opened once in a language."""
    wanted = []
    for page in PAGES:
        for number, state in enumerate(page.states):
            wanted += [Shot(state, "", "ru", WIDE), Shot(state, "-phone", "ru", PHONE)]
            if number == 0:
                wanted += [Shot(state, "-dark", "ru", {**WIDE, "color_scheme": "dark"}), Shot(state, "-en", "en", WIDE)]
    yield from sorted(wanted, key=lambda shot: (shot.locale, shot.state.house))


def main() -> int:
    """Take the pictures whose names begin with one of the words given, or all; return the exit code."""
    parser = ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", help="what the names of the states begin with; none: all of them")
    only = tuple(parser.parse_args().names)
    program = chromium()
    logging.disable(logging.WARNING)  # A picture says more than what the houses log.
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as last:
        street = Street(last.enter_context(servers_for_tests()).database_url)
        last.callback(street.close)
        playwright = last.enter_context(sync_playwright())
        arguments = ["--force-color-profile=srgb", "--hide-scrollbars", "--font-render-hinting=none"]
        # Frames of other sites in the page's own process: a picture does not wait for those of others.
        arguments += ["--disable-site-isolation-trials", "--disable-features=IsolateOrigins,site-per-process"]
        arguments += ["--no-sandbox"] * (os.geteuid() == 0)
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        last.callback(browser.close)
        walker = Walker(browser, street)
        for shot in shots():
            if not only or shot.state.name.startswith(only):
                with walker.visit(shot.state, shot.locale, stands_still=True, **shot.options) as page:
                    (FOLDER / shot.file).write_bytes(small(_photograph(page)))
                say(f"  {shot.file}")
    for complaint in walker.complaints:
        say(f"WRONG {complaint}")
    return _finish() or (1 if walker.complaints else 0)


def _photograph(page: Page) -> bytes:
    page.evaluate(_STILL)
    for frame in page.frames:
        frame.wait_for_load_state("load")
        frame.evaluate(_PAINTED)
    # A dialog darkens what is in sight, and nobody scrolls below it.
    width, height = page.evaluate(_EXTENT)
    whole = {"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
    return page.screenshot(full_page=True, clip=whole, animations="disabled", caret="hide")  # type: ignore[arg-type]


def _finish() -> int:
    """Remove what nothing tells of any more, write the page, and say how much it all weighs."""
    known = {shot.file for shot in shots()}
    for file in FOLDER.glob("*.webp"):
        if file.name not in known:
            file.unlink()
            say(f"  {file.name} is of no state any more")
    (FOLDER / "README.md").write_text(album(PAGES, FOLDER), encoding="utf-8")
    weight = sum(file.stat().st_size for file in FOLDER.glob("*.webp"))
    say(f"{len(list(FOLDER.glob('*.webp')))} pictures, {weight / 1e6:.1f} MB, in {FOLDER.relative_to(ROOT)}")
    if weight > LARGEST_ALBUM_BYTES:
        say(f"That is more than {LARGEST_ALBUM_BYTES / 1e6:.0f} MB: who clones the project pays for it.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
