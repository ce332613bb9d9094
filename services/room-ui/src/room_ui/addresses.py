"""Which of our pages a request is about, as an address that a browser can be sent to; never one on another host."""

from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

_DEEPEST = 20


def is_page(request: Request, path: str) -> bool:
    """Whether `path` is one of our addresses that can be opened."""
    opened: Scope = {**request.scope, "path": path, "method": "GET"}
    return any(route.matches(opened)[0] is Match.FULL for route in request.app.routes)


def with_slash(request: Request) -> str | None:
    """Return the address with a slash at its end if that is one of ours."""
    path = request.scope["path"]
    if path.endswith("/") or path.startswith("//") or request.method != "GET" or not is_page(request, path + "/"):
        return None
    return _written(request, path + "/")


def page_address(request: Request) -> str:
    """Return the address to open again: the request's own, or the page nearest to what was posted."""
    if request.method == "GET":
        return _written(request, request.scope["path"])
    above = islice(_upwards(request.scope["path"]), _DEEPEST)
    return next((quote(path, safe="/") for path in above if is_page(request, path)), "/")


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path[:-1] if path.endswith("/") else path.rpartition("/")[0] + "/"


def _written(request: Request, path: str) -> str:
    return quote(path, safe="/") + (f"?{request.url.query}" if request.url.query else "")
