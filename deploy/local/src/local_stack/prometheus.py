"""Prometheus and promtool for the tests of what is watched: installed, else the distribution's, unpacked."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from local_stack.debian import unpack
from local_stack.errors import NotAvailableError
from local_stack.rabbitmq_programs import FORCE_UNPACKED


@dataclass(frozen=True)
class Programs:
    """server: the server itself; promtool: what checks its files."""

    server: Path
    promtool: Path


def programs() -> Programs:
    """Return Prometheus's programs, downloading them if this machine has none. NotAvailableError says what to do."""
    server, promtool = (shutil.which(name) for name in ("prometheus", "promtool"))
    if server and promtool and not os.environ.get(FORCE_UNPACKED):
        return Programs(Path(server), Path(promtool))
    try:
        root = unpack("prometheus", ["prometheus"])
    except NotAvailableError as problem:
        raise NotAvailableError(
            f"Prometheus is not on this machine and could not be downloaded.\n{problem}\n"
            "Install the package prometheus (it need not run)."
        ) from problem
    return Programs(root / "usr/bin/prometheus", root / "usr/bin/promtool")
