"""Small pictures, and the page that shows them."""

import io
from collections.abc import Sequence
from pathlib import Path

from pages.states import PageStates, State
from PIL import Image

LARGEST_ALBUM_BYTES = 8_000_000
COLOURS = 256
HEAD = """# What it looks like

Every page in every state, at 1440 and at 390 pixels; the first state of each page in English and in the dark, too.
Written by `make screenshots`, pictures and page: nothing here is changed by hand. The list of states is
[`tests-e2e/pages/states.py`](../../tests-e2e/pages/states.py).
"""


def small(picture: bytes) -> bytes:
    """Return a WebP that loses nothing but colours: 256 of its own are left; four times smaller, and sharp."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    # Colours that are there often stay as they are, and so do those that are rare and bright: a badge, a mark.
    fewer = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE)
    written = io.BytesIO()
    fewer.convert("RGB").save(written, "WEBP", lossless=True, quality=80)
    return written.getvalue()


def album(pages: Sequence[PageStates], folder: Path) -> str:
    """Return the page with the pictures that are in `folder`."""
    parts = [HEAD.rstrip(), "\n".join(f"- [{page.title}](#{_anchor(page.title)})" for page in pages)]
    for page in pages:
        parts.append(f"## {page.title}")
        for number, state in enumerate(page.states):
            parts.append(f"**{state.about[:1].upper()}{state.about[1:]}**\n\n{_row(state, folder, first=number == 0)}")
    return "\n\n".join(parts) + "\n"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _row(state: State, folder: Path, *, first: bool) -> str:
    kinds = [("", 560, "wide"), ("-phone", 160, "phone")]
    if first:
        kinds += [("-dark", 360, "dark"), ("-en", 360, "English")]
    shown = [
        f'<img src="{state.name}{suffix}.webp" width="{width}" alt="{state.about}, {words}">'
        for suffix, width, words in kinds
        if (folder / f"{state.name}{suffix}.webp").is_file()
    ]
    return "\n".join(shown) or "_No picture yet._"
