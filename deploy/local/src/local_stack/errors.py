"""What can go wrong on the machine, told so that a person knows what to do next."""


class LocalStackError(Exception):
    """Something this machine lacks or a server that did not come up; the text says what to do."""


class NotAvailableError(LocalStackError):
    """A program can be had neither from this machine nor from its distribution."""


class DidNotStartError(LocalStackError):
    """A process ended, or stayed silent, before it was ready; the text ends with its last log lines."""


class AlreadyRunningError(LocalStackError):
    """This clone has a stack running already."""
