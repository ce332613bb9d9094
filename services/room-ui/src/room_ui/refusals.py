"""Refusals that a person or a program sees: a status, a canonical code, words."""

from contracts import ErrorCode

from room_ui.i18n import mark as _

STALE_PAGE = _("This page is too old. Open it again and repeat what you did.")
FOREIGN_PAGE = _("The request does not come from a page of this site.")


class Refusal(Exception):
    """Answer with `status` and `code`: JSON under /webinar/v1/, a page elsewhere."""

    def __init__(self, status: int, code: ErrorCode, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        """In how many seconds it makes sense to ask again."""

    def as_json(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": self.message}}


def unauthenticated() -> Refusal:
    return Refusal(401, ErrorCode.UNAUTHENTICATED, "Sign in first.")


def forbidden(message: str = "You have no right to do this.") -> Refusal:
    return Refusal(403, ErrorCode.FORBIDDEN, message)


def no_webinar() -> Refusal:
    return Refusal(404, ErrorCode.NO_WEBINAR, "There is no current webinar.")


def webinar_not_found() -> Refusal:
    return Refusal(404, ErrorCode.NOT_FOUND, "There is no such webinar.")


def invalid(message: str) -> Refusal:
    return Refusal(400, ErrorCode.INVALID_FIELD, message)


def unavailable() -> Refusal:
    words = "This does not work just now; try again in a moment."
    return Refusal(503, ErrorCode.UNAVAILABLE, words, retry_after=5)


def too_many_requests(retry_after: int = 2) -> Refusal:
    return Refusal(429, ErrorCode.TOO_MANY_REQUESTS, "Too many requests; wait a moment.", retry_after=retry_after)


def method_not_allowed() -> Refusal:
    return Refusal(405, ErrorCode.METHOD_NOT_ALLOWED, "This address is read only.")
