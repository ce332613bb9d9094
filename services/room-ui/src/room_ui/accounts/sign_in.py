"""What the forms of signing in and out post to; the pages with the forms are in `pages`."""

from math import ceil
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse

from room_ui.accounts.accounts import SignedIn, SignInRefused
from room_ui.accounts.domain import safe_next
from room_ui.web import SignedIn as Member
from room_ui.web import address_of, parts_of, viewer_of

router = APIRouter()


def _to(address: str, cookie: bytes | None = None) -> RedirectResponse:
    response = RedirectResponse(address, 303)
    if cookie is not None:
        response.raw_headers.append((b"set-cookie", cookie))
    return response


def _to_first_page(signed_in: SignedIn, wanted: str | None) -> RedirectResponse:
    return _to(safe_next(wanted) or signed_in.home, signed_in.cookie)


@router.post("/account/login/")
async def sign_in(
    request: Request,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002 - the form's own name for it
) -> RedirectResponse:
    """Begin a session and go on to `next`, or back to the form with `?error=wrong`, or `?error=too_many&until=`."""
    address = address_of(request)
    try:
        signed_in = await parts_of(request).accounts.sign_in(
            login, password, address=address, replacing=viewer_of(request)
        )
    except SignInRefused as refused:
        again = {"error": refused.reason, "login": login[:100]}
        if refused.until is not None:
            again["until"] = str(ceil(refused.until.timestamp()))
        if safe_next(next):
            again["next"] = next
        return _to(f"/account/login/?{urlencode(again)}")
    return _to_first_page(signed_in, next)


@router.post("/account/logout/")
async def sign_out(request: Request) -> RedirectResponse:
    """End the session and go to the schedule."""
    return _to("/webinars/", await parts_of(request).accounts.sign_out(viewer_of(request)))


@router.post("/account/logout/everywhere/")
async def sign_out_everywhere(request: Request, viewer: Member, here: Annotated[str, Form()] = "") -> RedirectResponse:
    """End every session of the account and their streams; with `here=stay` all but this one."""
    cookie = await parts_of(request).accounts.sign_out_everywhere(viewer, but_here=here == "stay")
    return _to("/account/login/?done=everywhere", cookie) if cookie else _to("/account/?done=elsewhere")


@router.post("/account/link/{token}")
async def use_link(
    request: Request,
    token: str,
    next: Annotated[str, Form()] = "",  # noqa: A002
) -> RedirectResponse:
    """Use up a one-time link: only the button's POST does, so that a preview of the page cannot."""
    try:
        signed_in = await parts_of(request).accounts.use_link(token[:200], replacing=viewer_of(request))
    except SignInRefused as refused:
        return _to(f"/account/link/{quote(token[:200], safe='')}?error={refused.reason}")
    return _to_first_page(signed_in, next)
