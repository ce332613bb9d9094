"""The package stands alone: Pydantic and the standard library, nothing else."""

import ast
import json
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import contracts
import pytest
from contracts.examples import example, examples
from contracts.schemas import released_names, released_version

PROJECT = Path(__file__).parents[1]
PACKAGE = Path(contracts.__file__).parent
PAGE = Path(__file__).parents[3] / "docs/adding-a-consumer.md"
NEEDED_BY_PYDANTIC = ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")


def imported_by(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: a relative import"
            names.add((node.module or "").split(".")[0])
    return names


def test_only_pydantic_and_the_standard_library_are_imported() -> None:
    sources = sorted(PACKAGE.rglob("*.py"))
    imported = {name: source for source in sources for name in imported_by(source)}
    # pydantic_core is the half of Pydantic that its documentation sends one to for errors of one's own.
    others = set(imported) - sys.stdlib_module_names - {"contracts", "pydantic", "pydantic_core"}

    assert len(sources) > 10
    assert not others, {name: imported[name] for name in others}


def name_in(requirement: str) -> str:
    [name, *_] = re.findall(r"^[\w-]+", requirement)
    return str(name).replace("-", "_")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_requires_pydantic_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())

    assert [name_in(line) for line in metadata.get_all("Requires-Dist", [])] == ["pydantic"]


def test_the_wheel_brings_what_others_build_on(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert wheel.name.startswith(f"webinar_contracts-{released_version()}-")
    assert "contracts/py.typed" in names
    assert {f"contracts/schemas/{name}.v{version}.json" for name, version in released_names()} <= names
    assert {f"contracts/examples/{name}.v{version}.json" for name, version in examples()} <= names


def link_pydantic(folder: Path) -> None:
    """Let Pydantic, and nothing else that is installed here, be found in `folder`."""
    for name in NEEDED_BY_PYDANTIC:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)


def test_the_wheel_is_installed_by_itself_and_reads_a_fact(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home)
    python = home / "bin/python"
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-cache", "--no-deps"]
    subprocess.run([*install, "--python", str(python), str(wheel)], check=True, cwd=tmp_path)
    [a_reader] = re.findall(
        r"^```python\n(from contracts.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    [packages] = home.glob("lib/python*/site-packages")
    link_pydantic(packages)

    # -I: neither this folder nor the environment of the tests.
    code = a_reader + "import contracts; print(contracts.__file__)"
    said = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert said.returncode == 0, said.stderr
    lead, webinar = (json.loads(example("user_attended"))[name] for name in ("lead_id", "webinar_id"))
    assert said.stdout == (
        f"{lead} ('{lead}', '{webinar}') ['lead_id', 'webinar_id', 'timestamp']\n{packages}/contracts/__init__.py\n"
    )


def test_the_wheel_works_where_nothing_else_is_installed(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    link_pydantic(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import contracts.docs, contracts.examples, contracts.topology\n"
        "for topic in contracts.topology.TOPICS: topic.message.from_json(contracts.examples.example(topic.name))\n"
        "print(contracts.__file__, len(contracts.docs.documents()))"
    )

    # -I -S: neither the environment nor its site-packages.
    said = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == [str(tmp_path / "contracts/__init__.py"), "2"]


def test_pydantic_needs_no_more_than_is_allowed_for() -> None:
    needed = {name_in(line) for line in requires("pydantic") or () if "extra ==" not in line}

    assert needed | {"pydantic"} == set(NEEDED_BY_PYDANTIC)
