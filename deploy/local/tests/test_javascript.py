"""The types of the pages' scripts: what is wrong is found, and what cannot be downloaded is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from local_stack import javascript
from local_stack.javascript import PACKAGE, PROJECTS
from local_stack.paths import ROOT

STATIC = ROOT / "services/room-ui/src/room_ui/static"


def project_with(folder: Path, script: str) -> Path:
    """Return a project of one script that is checked as those of the pages are."""
    (folder / "one.js").write_text(script)
    options = json.loads(PROJECTS[0].read_text())["compilerOptions"]
    project = folder / "tsconfig.json"
    project.write_text(json.dumps({"compilerOptions": options, "files": ["one.js"]}))
    return project


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("export const length = (/** @type {string} */ words) => words.length;", 0, ""),
        ("export const length = (/** @type {string} */ words) => words.lenght;", 1, "lenght"),
        ("export const length = (words) => words.length;", 1, "implicitly has an 'any' type"),
        ("document.querySelector('p').hidden = true;", 1, "possibly 'null'"),
    ],
)
def test_a_wrong_type_is_found(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], script: str, code: int, words: str
) -> None:
    assert javascript.check([project_with(tmp_path, script)]) == code
    assert words in capfd.readouterr().out


def test_without_a_network_it_says_what_is_missing_and_fails(tmp_path: Path, another_run: Path) -> None:
    nothing = {"LOCAL_STACK_RUN": str(another_run), "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}

    tried = subprocess.run(
        [sys.executable, "-m", "local_stack.javascript"],
        env={**os.environ, **nothing},
        capture_output=True,
        text=True,
        check=False,
    )

    assert tried.returncode == 1
    assert "the types of the pages' scripts cannot be checked" in tried.stderr


def test_what_npm_gets_is_pinned_by_hash_and_by_no_address() -> None:
    pins = (PACKAGE / "package-lock.json").read_text()
    packages = {name: one for name, one in json.loads(pins)["packages"].items() if name}

    assert packages
    assert [name for name, one in packages.items() if not one["integrity"].startswith("sha512-")] == []
    assert "http" not in pins.replace("https://github.com/sponsors", "")


def test_every_script_of_the_pages_is_checked() -> None:
    project = json.loads(PROJECTS[0].read_text())
    told_otherwise = [file.name for file in STATIC.rglob("*.js") if "@ts-nocheck" in file.read_text()]

    assert [PROJECTS[0].parent / folder for folder in project["include"]] == [STATIC]
    assert told_otherwise == []
