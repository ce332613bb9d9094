"""Why a wish is not granted."""

from contracts import ErrorCode


class Refusal(Exception):
    """A wish is refused: nothing is changed; `code` is canonical, `field` names the one at fault where there is one."""

    def __init__(self, code: ErrorCode, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field


def invalid(field: str, message: str) -> Refusal:
    """Return the refusal of a value that does not validate."""
    return Refusal(ErrorCode.INVALID_FIELD, message, field=field)
