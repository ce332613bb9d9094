"""One small run for every change: faults strike, and the accounts balance."""

import os
import subprocess
import sys

import pytest
from local_stack.paths import ROOT

PATIENCE_SECONDS = 400


@pytest.mark.timeout(PATIENCE_SECONDS + 30)
def test_a_webinar_under_faults_leaves_no_difference() -> None:
    # A process of its own: what a killed server leaves behind in its clients is nobody else's.
    ran = subprocess.run(
        [sys.executable, "-m", "chaos", "--short", "--seed", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests-e2e")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )

    assert ran.returncode == 0, ran.stdout[-20_000:]
    assert "difference 0" in ran.stdout
