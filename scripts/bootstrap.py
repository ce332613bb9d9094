"""Make `.venv` from a bare Python: pip, then uv by its hash, then everything by its hash, then our own packages.

Runs before anything is installed, so it uses the standard library and those modules of `local_stack` that do too.
"""

# ruff: noqa: S603 - it runs the programs that it has just installed

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "deploy/local/src"))
sys.dont_write_bytecode = True

from local_stack.debian import is_debian, unpack  # noqa: E402
from local_stack.errors import LocalStackError  # noqa: E402
from local_stack.progress import say, step  # noqa: E402

VENV = Path(os.environ.get("VENV", ROOT / ".venv")).absolute()
PYTHON = VENV / "bin/python"
PACKAGES = ["libs/*", "services/*", "deploy/local"]


def main() -> int:
    (ROOT / ".run").mkdir(exist_ok=True)
    with locked(ROOT / ".run/bootstrap.lock"):
        if stamp().is_file() and stamp().read_text() == wanted() and PYTHON.exists():
            return 0
        place = VENV.relative_to(ROOT) if VENV.is_relative_to(ROOT) else VENV
        say(f"Bringing {place} up to date." if PYTHON.exists() else f"Making {place}: this happens once.")
        if was_made_elsewhere():
            shutil.rmtree(VENV)
        stamp().unlink(missing_ok=True)
        make_environment()
        install_uv()
        install_requirements()
        install_our_packages()
        stamp().write_text(wanted())
    return 0


def stamp() -> Path:
    return VENV / ".made-from"


def was_made_elsewhere() -> bool:
    """Tell whether the clone was moved or copied with its environment: that still points to the old place."""
    return stamp().is_file() and stamp().read_text().partition("\n")[0] != str(VENV)


def our_packages() -> list[Path]:
    """Return the folders of our own distributions."""
    return sorted(file.parent for glob in PACKAGES for file in ROOT.glob(f"{glob}/pyproject.toml"))


def wanted() -> str:
    """Return a digest of everything that decides what `.venv` holds."""
    digest = hashlib.sha256()
    for file in [
        *sorted((ROOT / "requirements").glob("*.txt")),
        *(folder / "pyproject.toml" for folder in our_packages()),
    ]:
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return f"{VENV}\n{digest.hexdigest()}\n"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def make_environment() -> None:
    if PYTHON.exists() and works([str(PYTHON), "-m", "pip", "--version"]):
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    with step(f"Making an environment for Python {sys.version.split()[0]}"):
        if works([sys.executable, "-c", "import ensurepip"]):
            run([sys.executable, "-m", "venv", str(VENV)])
        else:
            run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if not works([str(PYTHON), "-m", "pip", "--version"]):
        pip_from_the_distribution()


def pip_from_the_distribution() -> None:
    """Install pip from the wheel that Debian and Ubuntu package for their own venv module."""
    if not is_debian():
        raise LocalStackError(
            f"{sys.executable} has no pip and no ensurepip. Install your system's package for it "
            "(often python3-pip or python3-venv) and try again."
        )
    root = unpack("pip", ["python3-pip-whl"])
    wheels = sorted((root / "usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise LocalStackError("The package python3-pip-whl holds no pip. Install python3-venv and try again.")
    run([str(PYTHON), f"{wheels[-1]}/pip", "install", "--quiet", "--no-index", "--no-deps", str(wheels[-1])])


def install_uv() -> None:
    with step("Installing uv"):
        listed = ROOT / "requirements/bootstrap.txt"
        options = "--quiet --disable-pip-version-check --only-binary=:all: --require-hashes"
        run([str(PYTHON), "-m", "pip", "install", *options.split(), "-r", str(listed)])


def uv(*arguments: str) -> None:
    run([str(VENV / "bin/uv"), "pip", *arguments], {**os.environ, **uv_settings(), "VIRTUAL_ENV": str(VENV)})


def uv_settings() -> dict[str, str]:
    """Return pip's index settings in uv's words; uv does not read pip's, and some networks have only their own."""
    listed = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    pip = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        # Later lines (the environment) win over files, as in pip.
        pip[name.split(".")[-1]] = value.strip().strip("'\"").replace("\\n", " ").strip()
    found = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": pip.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "SSL_CERT_FILE": pip.get("cert", ""),
        # As pip does: the best version of all indexes. What is taken is fixed by hashes anyway.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
    }
    return {name: value for name, value in found.items() if value and name not in os.environ}


def install_requirements() -> None:
    with step("Installing what requirements/dev.txt lists"):
        uv("install", "--quiet", "--require-hashes", "-r", str(ROOT / "requirements/dev.txt"))


def install_our_packages() -> None:
    editable = [word for folder in our_packages() for word in ("-e", str(folder))]
    with step(f"Installing our own {len(editable) // 2} packages"):
        uv("install", "--quiet", "--no-deps", "--no-build-isolation", *editable)


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    finished = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
    if finished.returncode:
        raise LocalStackError(
            f"This failed with code {finished.returncode}:\n  {' '.join(command)}\n"
            "What it said stands above. Without a way to the package index set PIP_INDEX_URL to one you can reach; "
            "then run the same command again, it goes on where it stopped."
        )


def works(command: list[str]) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LocalStackError as problem:
        say(f"\n{problem}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nStopped. Run the same command again, it goes on where it stopped.")
        sys.exit(130)
