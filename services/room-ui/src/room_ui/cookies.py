"""Cookies on the wire: read from an ASGI scope, written as a header value."""

from http.cookies import SimpleCookie

from starlette.types import Scope


def cookie_value(scope: Scope, name: str) -> str | None:
    """Return the value of the request's cookie `name`."""
    wanted = name.encode() + b"="
    for header, value in scope["headers"]:
        if header == b"cookie":
            for part in value.split(b";"):
                stripped = part.strip()
                if stripped.startswith(wanted):
                    return str(stripped[len(wanted) :].strip(b'"').decode("latin-1"))
    return None


def cookie_header(name: str, value: str, *, https: bool, seconds: int | None) -> bytes:
    """Return a `Set-Cookie` value: HttpOnly, SameSite=Lax, whole site; `seconds` 0 removes it, None is until closed."""
    cookie: SimpleCookie = SimpleCookie({name: value})
    morsel = cookie[name]
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    morsel["secure"] = https
    if seconds is not None:
        morsel["max-age"] = seconds
    return morsel.OutputString().encode("latin-1")
