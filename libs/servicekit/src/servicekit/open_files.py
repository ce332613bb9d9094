"""How many files this process may have open."""

import resource

from servicekit.logs import get_logger

log = get_logger(__name__)


def raise_open_files() -> None:
    """Allow this process as many open files as it may have: shells give 1024, and each viewer is a connection."""
    before, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    except (ValueError, OSError) as error:
        log.warning("process.open_files_not_raised", limit=before, error=repr(error))
    else:
        log.info("process.open_files", limit=limit, before=before)
