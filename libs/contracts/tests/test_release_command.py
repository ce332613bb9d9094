"""`python -m contracts.release`, run on a copy of the package in which something was changed."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import contracts
import pytest

LAST = "1.0.0"
OPTIONAL = '    note: str | None = Field(default=None, description="words")\n'


@dataclass(frozen=True)
class Copy:
    """A copy of libs/contracts."""

    folder: Path

    @property
    def schemas(self) -> Path:
        return self.folder / "src/contracts/schemas"

    @property
    def version(self) -> str:
        return str(json.loads((self.schemas / "release.json").read_text(encoding="utf-8"))["version"])

    def replace(self, file: str, pattern: str, by: str) -> None:
        """Replace the one place in a source file that `pattern` finds."""
        path = self.folder / file
        text, count = re.subn(pattern, by, path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert count == 1, f"{pattern} was found {count} times in {file}"
        path.write_text(text, encoding="utf-8")

    def say_in_changelog(self, version: str) -> None:
        self.replace("CHANGELOG.md", rf"## {LAST}", f"## {version} (today)\n\n- More.\n\n## {LAST}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "contracts.release", *arguments],
            env=os.environ | {"PYTHONPATH": str(self.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    def refused(self, *arguments: str) -> str:
        """Run the command, which must refuse and write nothing; return what it says."""
        before = self.content()
        ran = self.run(*arguments)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.endswith("Nothing was written.\n")
        assert self.content() == before
        return ran.stderr

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.schemas.glob("*.json")}


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of the package as it was released last as 1.0.0, whatever has been added since."""
    shutil.copytree(
        Path(contracts.__file__).parent, tmp_path / "src/contracts", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {LAST} (then)\n\n- All.\n", encoding="utf-8")
    release = (
        "from pathlib import Path\n"
        "from contracts.release import present_schemas\n"
        "from contracts.release.writing import Version, write_release\n"
        f"list(write_release(Version.parse('{LAST}'), present_schemas()))\n"
    )
    made = Copy(tmp_path)
    subprocess.run(
        [sys.executable, "-c", release],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )
    return made


def add_optional_field(copy: Copy) -> None:
    copy.replace("src/contracts/participation.py", r"(class UserAttended.*?the verdict\"\)\n)", rf"\1{OPTIONAL}")


def drop_field(copy: Copy) -> None:
    copy.replace(
        "src/contracts/participation.py",
        r'(class UserAttended.*?)    timestamp: UtcTime = Field\(description="the timestamp of the verdict"\)\n',
        r"\1",
    )


def test_without_a_change_there_is_nothing_to_say(copy: Copy) -> None:
    ran = copy.run()

    assert (ran.returncode, ran.stdout) == (0, "Nothing that others build on has changed since 1.0.0.\n")
    assert "1.0.0 is not higher than 1.0.0" in copy.refused("1.0.0")
    assert "'one' is no version" in copy.refused("one")


def test_an_added_field_is_released_with_the_second_number(copy: Copy) -> None:
    add_optional_field(copy)
    looked = copy.run()

    assert looked.returncode == 0
    assert "user_attended, `note`: a new field that may be absent." in looked.stdout
    assert "The next release is 1.1.0 or later." in looked.stdout
    assert "1.0.1 would hide what is new since 1.0.0" in copy.refused("1.0.1")
    assert "no section `## 1.1.0`" in copy.refused("1.1.0")

    copy.say_in_changelog("1.1.0")
    released = copy.run("1.1.0")

    assert (released.returncode, released.stderr) == (0, "")
    assert "changed user_attended.v1.json\n" in released.stdout
    assert f"wrote release.json: version 1.1.0, {len(copy.content()) - 1} schemas" in released.stdout
    assert "Released 1.1.0; before it was 1.0.0." in released.stdout
    assert "webinar_event" not in released.stdout
    assert copy.version == "1.1.0"
    assert copy.run().stdout == "Nothing that others build on has changed since 1.1.0.\n"


def test_a_break_is_released_only_as_a_new_major_version_that_messages_show(copy: Copy) -> None:
    drop_field(copy)
    looked = copy.run()

    assert looked.returncode == 1
    assert "user_attended, `timestamp`: the field is gone." in looked.stdout
    assert "The next release is 2.0.0 or later." in looked.stdout
    copy.say_in_changelog("2.0.0")
    assert "user_attended, `timestamp`: the field is gone." in copy.refused("1.1.0")
    assert "user_attended: readers tell the new form from the old by the header `schema_version`" in copy.refused(
        "2.0.0"
    )

    copy.replace(
        "src/contracts/participation.py",
        r'(class UserAttended.*?    """.*?"""\n)',
        r"\1    schema_version: ClassVar[int] = 2\n",
    )
    assert "1.9.0 would break those who build on 1.0.0" in copy.refused("1.9.0")
    released = copy.run("2.0.0")

    assert (released.returncode, released.stderr) == (0, "")
    assert "wrote user_attended.v2.json\n" in released.stdout
    assert (copy.schemas / "user_attended.v1.json").is_file()
    assert copy.run().stdout == "Nothing that others build on has changed since 2.0.0.\n"


def test_a_topic_goes_only_with_a_new_major_version_and_takes_its_schemas_along(copy: Copy) -> None:
    copy.replace("src/contracts/topology.py", r"    Topic\(CtaShown, [^\n]*\n", "")

    copy.say_in_changelog("2.0.0")
    assert "cta_shown: the topic is gone." in copy.refused("1.1.0")
    released = copy.run("2.0.0")

    assert (released.returncode, released.stderr) == (0, "")
    assert "removed cta_shown.v1.json\n" in released.stdout
    assert not (copy.schemas / "cta_shown.v1.json").exists()


def test_a_schema_that_was_edited_with_the_code_does_not_pass(copy: Copy) -> None:
    # As a rename in the whole repository would do it.
    copy.replace("src/contracts/schemas/user_attended.v1.json", "the timestamp of the verdict", "when")

    said = copy.refused("1.1.0")

    assert said.startswith("These are not as release 1.0.0 wrote them: user_attended.v1.json.")
    assert copy.refused() == said


def test_a_release_is_made_in_a_clone(copy: Copy) -> None:
    (copy.folder / "CHANGELOG.md").unlink()

    assert "A release is made in a clone of the repository" in copy.refused("1.0.1")


def test_the_command_explains_itself(copy: Copy) -> None:
    ran = copy.run("--help")

    assert ran.returncode == 0
    assert "Without a version nothing is written" in ran.stdout
