"""What can go wrong on the machine, told so that a person knows what to do next."""


class LocalStackError(Exception):
    """Something this machine lacks or a server that did not come up; the text says what to do."""


class NotAvailableError(LocalStackError):
    """A program can be had neither from this machine nor from its distribution."""


class DidNotStartError(LocalStackError):
    """A process ended, or stayed silent, before it was ready; the text ends with its last log lines."""


class AlreadyRunningError(LocalStackError):
    """This clone has a stack running already."""


class PageRefusedError(LocalStackError):
    """A page answered with an error; `code` is the canonical code that it showed, or None."""

    def __init__(self, address: str, status: int, code: str | None) -> None:
        super().__init__(f"{address} answered {status} ({code or 'no code'}).")
        self.code = code
