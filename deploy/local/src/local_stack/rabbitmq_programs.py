"""Where RabbitMQ's and Erlang's programs come from: an installed package, else the distribution's, unpacked."""

import dataclasses
import os
import shutil
from pathlib import Path

from local_stack.debian import library_path, unpack
from local_stack.errors import NotAvailableError
from local_stack.paths import open_to_others, ordinary_user

FORCE_UNPACKED = "LOCAL_STACK_UNPACKED"
SERVER = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"
# Debian's `erl` names /usr/lib/erlang whatever the environment says.
ERL = """#!/bin/sh
ROOTDIR={erlang}
BINDIR={erts}/bin
EMU=beam
PROGNAME=erl
export ROOTDIR BINDIR EMU PROGNAME
exec "$BINDIR/erlexec" "$@"
"""


@dataclasses.dataclass(frozen=True)
class Programs:
    """server: the script that becomes the node. erlang_bin: the folder of `erl`. libraries: LD_LIBRARY_PATH or ""."""

    server: Path
    epmd: Path
    erlang_bin: Path
    libraries: str


def programs() -> Programs:
    """Return RabbitMQ's programs, downloading them if this machine has none. NotAvailableError says what to do."""
    if not os.environ.get(FORCE_UNPACKED):
        found = _below(Path("/"), "") or _elsewhere()
        if found:
            return found
    try:
        root = unpack("rabbitmq", ["rabbitmq-server"], whole_family=("rabbitmq-server\n", "erlang-"))
    except NotAvailableError as problem:
        raise NotAvailableError(
            f"RabbitMQ is not on this machine and could not be downloaded.\n{problem}\n"
            "Install the package rabbitmq-server (it need not run), or set RABBITMQ_URL and DATABASE_URL to servers "
            "of yours, or use docker compose."
        ) from problem
    _mend_erl(root)
    unpacked = _below(root, library_path(root))
    if unpacked is None:
        raise NotAvailableError(f"The distribution's RabbitMQ holds no server below {root}: remove it and try again.")
    return unpacked


def _below(root: Path, libraries: str) -> Programs | None:
    """Return the programs in the layout of Debian's packages, or None where one is missing or unreadable."""
    server = next(iter(sorted(root.glob(SERVER), reverse=True)), None)
    epmd = next(iter(sorted(root.glob("usr/lib/erlang/erts-*/bin/epmd"), reverse=True)), None)
    if server is None or epmd is None or not (root / "usr/lib/erlang/bin/erl").exists():
        return None
    return Programs(server, epmd, root / "usr/lib/erlang/bin", libraries)


def _elsewhere() -> Programs | None:
    """Return the programs of another installation on PATH (Homebrew, a generic build)."""
    server, erl, epmd = (shutil.which(name) for name in ("rabbitmq-server", "erl", "epmd"))
    if not (server and erl and epmd):
        return None
    script = Path(server).resolve()
    # Distributions put a wrapper there that changes the user and writes to /var/log.
    if not (script.parent / "rabbitmq-env").is_file():
        return None
    if ordinary_user() is not None and not all(open_to_others(Path(path)) for path in (script, Path(erl), Path(epmd))):
        return None
    return Programs(script, Path(epmd), Path(erl).parent, "")


def _mend_erl(root: Path) -> None:
    erlang = root / "usr/lib/erlang"
    erts = next(iter(sorted(erlang.glob("erts-*"), reverse=True)), None)
    erl = erlang / "bin/erl"
    if erts is None:
        return
    wanted = ERL.format(erlang=erlang, erts=erts)
    if erl.is_symlink() or not erl.is_file() or erl.read_text() != wanted:
        erl.unlink(missing_ok=True)
        erl.write_text(wanted)
        erl.chmod(0o755)
