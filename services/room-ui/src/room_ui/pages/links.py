"""Ordinary links into embeddable ones: what a person copies from the address bar becomes what a frame can show."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

_FRAME_CODE = re.compile(r"""<iframe\b[^>]*?\bsrc\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{6,20}")
_VK_VIDEO = re.compile(r"(?:video|clip)(-?\d+)_(\d+)")
_RUTUBE_VIDEO = re.compile(r"/(?:live/)?(?:video|shorts|play/embed)/(private/)?([0-9a-f]{32}|\d+)/?")
# A path names an event, a showcase or a video; what else has a number in it (an album, a group) is no video.
_VIMEO_EVENT = re.compile(r"/event/(\d+)(?:/embed)?(?:/([0-9a-f]+))?/?")
_VIMEO_SHOWCASE = re.compile(r"/(?:showcase|album)/(\d+)(?:/embed)?/?")
_VIMEO_VIDEO = re.compile(
    r"/(?:channels/[\w-]+/|groups/[\w-]+/videos/|(?:showcase|album)/\d+/video/|manage/videos/)?(\d+)(?:/([0-9a-f]+))?/?"
)
_NO_VIDEO = frozenset({"live_stream", "videoseries"})
"""What stands in the place of a video in YouTube's own embeddable addresses of a channel or a list."""

_KNOWN_HOSTS = frozenset(
    {
        "youtube.com",
        "m.youtube.com",
        "studio.youtube.com",
        "youtu.be",
        "vk.com",
        "m.vk.com",
        "vk.ru",
        "m.vk.ru",
        "vkvideo.ru",
        "m.vkvideo.ru",
        "rutube.ru",
        "m.rutube.ru",
        "vimeo.com",
    }
)


def _split(link: str) -> SplitResult | None:
    try:
        parts = urlsplit(link)
        if not parts.scheme:
            parts = urlsplit(f"https://{link}")
        parts.port  # noqa: B018 - a port that is no number is found out only here
    except ValueError:
        return None
    return parts


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").removeprefix("www.")


def _first(parts: SplitResult, name: str) -> str | None:
    return next(iter(parse_qs(parts.query).get(name, ())), None)


def youtube_id(link: str) -> str | None:
    """Return the video of a YouTube link (watch, short, live, embedded, studio), or None for any other link."""
    parts = _split(link.strip())
    if parts is None:
        return None
    steps = [step for step in parts.path.split("/") if step]
    video = None
    if _host(parts) == "youtu.be" and steps:
        video = steps[0]
    elif _host(parts) in {"youtube.com", "m.youtube.com", "youtube-nocookie.com"}:
        if steps[:1] == ["watch"] or steps[:1] == ["live_chat"]:
            video = _first(parts, "v")
        elif len(steps) > 1 and steps[0] in {"live", "shorts", "embed", "v"}:
            video = steps[1]
    elif _host(parts) == "studio.youtube.com" and len(steps) > 1 and steps[0] == "video":
        video = steps[1]
    return video if video is not None and video not in _NO_VIDEO and _YOUTUBE_ID.fullmatch(video) else None


def _vk_video(parts: SplitResult) -> str | None:
    found = _VK_VIDEO.search(parts.path) or _VK_VIDEO.search(_first(parts, "z") or "")
    if found is None:
        return None
    address = f"https://vkvideo.ru/video_ext.php?oid={found[1]}&id={found[2]}"
    key = _first(parts, "list") or _first(parts, "hash")
    return f"{address}&hash={quote(key, safe='')}" if key and re.fullmatch(r"[0-9a-f]{8,40}", key) else address


def _rutube_video(parts: SplitResult) -> str | None:
    found = _RUTUBE_VIDEO.fullmatch(parts.path)
    if found is None:
        return None
    address = f"https://rutube.ru/play/embed/{found[2]}/"
    key = _first(parts, "p")
    return f"{address}?p={quote(key, safe='')}" if key else address


def _vimeo_video(parts: SplitResult) -> str | None:
    if event := _VIMEO_EVENT.fullmatch(parts.path):
        return f"https://vimeo.com/event/{event[1]}/embed" + (f"/{event[2]}" if event[2] else "")
    if showcase := _VIMEO_SHOWCASE.fullmatch(parts.path):
        return f"https://vimeo.com/showcase/{showcase[1]}/embed"
    found = _VIMEO_VIDEO.fullmatch(parts.path)
    if found is None:
        return None
    address = f"https://player.vimeo.com/video/{found[1]}"
    key = found[2] or _first(parts, "h")
    return f"{address}?h={quote(key, safe='')}" if key else address


def _unwrapped(link: str) -> str:
    """Return the address that frame code holds; anything else as it is."""
    link = link.strip()
    if pasted := _FRAME_CODE.search(link):
        link = pasted[1].replace("&amp;", "&")
        if link.startswith("//"):
            link = f"https:{link}"
    return link


def embeddable(link: str) -> str:
    """Return the address for the player's frame: a YouTube, VK Video, Rutube or Vimeo link becomes its embeddable form.

    Frame code that was pasted whole gives its address; anything else stays as typed (Core judges it).
    """
    link = _unwrapped(link)
    parts = _split(link)
    if parts is None or parts.scheme not in {"http", "https"} or _host(parts) not in _KNOWN_HOSTS:
        return link
    host = _host(parts)
    if (video := youtube_id(link)) is not None:
        return f"https://www.youtube.com/embed/{video}"
    found = None
    if host.endswith(("vk.com", "vk.ru", "vkvideo.ru")) and not parts.path.endswith("/video_ext.php"):
        found = _vk_video(parts)
    elif host.endswith("rutube.ru"):
        found = _rutube_video(parts)
    elif host == "vimeo.com":
        found = _vimeo_video(parts)
    return found or link


def embeddable_chat(link: str, page_host: str) -> str:
    """Return the address for the chat's frame: a YouTube link becomes that video's live chat, shown on `page_host`."""
    link = _unwrapped(link)
    video = youtube_id(link)
    return f"https://www.youtube.com/live_chat?v={video}&embed_domain={page_host}" if video else link


_FRAMES_OF: Mapping[str, re.Pattern[str]] = {
    "youtube": re.compile(r"/(embed/.+|live_chat)"),
    "vk_live": re.compile(r"/app/embed/.+|/[^/]+/only-chat"),
    "vk": re.compile(r".*/video_ext\.php"),
    "rutube": re.compile(r"/(play/embed|live/chat)/.+"),
    "vimeo": re.compile(r"/(event|showcase)/\d+/embed.*"),
}
"""The paths of a site that it lets other pages show in a frame."""


def _site(host: str) -> str | None:
    if host in {"youtube.com", "m.youtube.com", "studio.youtube.com", "youtu.be"}:
        return "youtube"
    if host in {"live.vkvideo.ru", "vkplay.live", "live.vkplay.ru"}:
        return "vk_live"
    if host in {"vk.com", "m.vk.com", "vk.ru", "m.vk.ru", "vkvideo.ru", "m.vkvideo.ru"}:
        return "vk"
    if host in {"rutube.ru", "m.rutube.ru"}:
        return "rutube"
    return "vimeo" if host == "vimeo.com" else None


def is_https(address: str) -> bool:
    """Whether this is an address that a frame can show at all."""
    parts = _split(address) if address.startswith("https://") else None
    return parts is not None and bool(parts.hostname)


def page_without_frame(link: str) -> str | None:
    """Return the site whose page this is (a channel, a list, a search) when that page stays empty in a frame.

    One of `youtube`, `vk_live`, `vk`, `rutube`, `vimeo`; None for what can be shown, and for what is not known.
    """
    link = embeddable(link)
    parts = _split(link)
    if parts is None or parts.scheme not in {"http", "https"}:
        return None
    site = _site(_host(parts))
    return site if site is not None and not _FRAMES_OF[site].fullmatch(parts.path) else None
