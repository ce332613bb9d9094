"""What several tests of the local stack start from."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def another_run(tmp_path: Path) -> Iterator[Path]:
    """The place of a stack beside the clone's own, for LOCAL_STACK_RUN; removed with what stands in for it."""
    run = tmp_path / "run"
    yield run
    subprocess.run(
        [sys.executable, "-c", "from local_stack.paths import remove_everything; remove_everything()"],
        env={**os.environ, "LOCAL_STACK_RUN": str(run)},
        check=True,
    )
